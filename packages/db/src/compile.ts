// Owns: SQL that Kysely types and compiles once; statement.ts runs it. Building a query costs Kysely more than running it costs
// SQLite (35 against 13 microseconds for a 1 KB insert), and its asynchronous execution would let another task into a transaction.
// So the hot path has neither.
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { InvariantError } from './errors.ts';
import type { CompiledStatement, Parameters, Value } from './statement.ts';

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

/** Stands in a query for a value that is given at each run. */
class Placeholder {
  readonly parameter: string;
  constructor(parameter: string) {
    this.parameter = parameter;
  }
}

/** `names` lists the parameters; `build` gets a typed stand-in for each. */
export function compile<P extends Parameters, Row = unknown>(
  names: readonly (keyof P & string)[],
  build: (parameters: P) => { compile(): CompiledQuery<Row> },
): CompiledStatement<P, Row> {
  const placeholders = Object.fromEntries(names.map((name) => [name, new Placeholder(name)]));
  // The stand-ins are no values: Kysely passes what it does not know on as a parameter, untouched.
  const { sql, parameters } = build(placeholders as unknown as P).compile();
  const bindings = parameters.map((parameter) =>
    parameter instanceof Placeholder ? { name: parameter.parameter } : { value: parameter as Value },
  );
  const used = new Set(bindings.flatMap((binding) => ('name' in binding ? [binding.name] : [])));
  const unused = names.filter((name) => !used.has(name));
  if (unused.length > 0) throw new InvariantError(`parameters ${unused.join(', ')} do not occur in: ${sql}`);
  return { sql, bindings };
}
