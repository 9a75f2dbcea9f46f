// Owns: SQL that Kysely types and compiles once and better-sqlite3 runs many times. Building a query costs Kysely more than running
// it costs SQLite (35 against 13 microseconds for a 1 KB insert), and its asynchronous execution would let another task into a
// transaction. So the hot path has neither.
import type Database from 'better-sqlite3';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { InvariantError } from './errors.ts';

/** A Kysely instance that only builds: executing through it is an error. */
export function makeQueryBuilder<Schema>(): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

type Value = number | string | Uint8Array | null;
type Parameters = Readonly<Record<string, Value>>;

/** Stands in a query for a value that is given at each run. */
class Placeholder {
  readonly parameter: string;
  constructor(parameter: string) {
    this.parameter = parameter;
  }
}

export interface Statement<P extends Parameters, Row> {
  run(parameters: P): number;
  all(parameters: P): Row[];
  get(parameters: P): Row | undefined;
  /** Row by row, for more rows than memory should hold; nothing else may use the connection meanwhile. */
  iterate(parameters: P): IterableIterator<Row>;
}

/**
 * Compiles `build` once and prepares it. `names` lists the parameters; `build` gets a typed stand-in for each.
 * `run` returns the number of changed rows.
 */
export function prepare<P extends Parameters, Row = unknown>(
  db: Database.Database,
  names: readonly (keyof P & string)[],
  build: (parameters: P) => { compile(): CompiledQuery<Row> },
): Statement<P, Row> {
  const placeholders = Object.fromEntries(names.map((name) => [name, new Placeholder(name)]));
  // The stand-ins are no values: Kysely passes what it does not know on as a parameter, untouched.
  const { sql, parameters } = build(placeholders as unknown as P).compile();
  const used = new Set(parameters.flatMap((parameter) => (parameter instanceof Placeholder ? [parameter.parameter] : [])));
  const unused = names.filter((name) => !used.has(name));
  if (unused.length > 0) throw new InvariantError(`parameters ${unused.join(', ')} do not occur in: ${sql}`);

  const statement = db.prepare<unknown[], Row>(sql);
  const bind = (given: P): unknown[] =>
    parameters.map((parameter) => (parameter instanceof Placeholder ? given[parameter.parameter] : parameter));
  return {
    run: (given) => statement.run(...bind(given)).changes,
    all: (given) => statement.all(...bind(given)),
    get: (given) => statement.get(...bind(given)),
    iterate: (given) => statement.iterate(...bind(given)),
  };
}
