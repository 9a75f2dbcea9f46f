// Owns: running SQL that was compiled before (compile.ts), with named parameters. Must not import Kysely: the reader worker runs the
// compiled statements, which it gets as plain data, and Kysely would take 100 ms to load.
import type Database from 'better-sqlite3';

export type Value = number | string | Uint8Array | null;
export type Parameters = Readonly<Record<string, Value>>;

/** Plain data; can be sent to a worker. */
export interface CompiledStatement<P extends Parameters, Row> {
  readonly sql: string;
  /** In the order of the question marks: a parameter's name, or a value fixed when the query was written. */
  readonly bindings: readonly ({ readonly name: string } | { readonly value: Value })[];
  /** Never there: carries the types. */
  readonly types?: (parameters: P) => Row;
}

export interface Statement<P extends Parameters, Row> {
  /** Returns the number of changed rows. */
  run(parameters: P): number;
  all(parameters: P): Row[];
  get(parameters: P): Row | undefined;
  /** Row by row, for more rows than memory should hold; nothing else may use the connection meanwhile. */
  iterate(parameters: P): IterableIterator<Row>;
}

export function prepare<P extends Parameters, Row>(db: Database.Database, compiled: CompiledStatement<P, Row>): Statement<P, Row> {
  const { sql, bindings } = compiled;
  const statement = db.prepare<unknown[], Row>(sql);
  const bind = (given: P): unknown[] => bindings.map((binding) => ('name' in binding ? given[binding.name] : binding.value));
  return {
    run: (given) => statement.run(...bind(given)).changes,
    all: (given) => statement.all(...bind(given)),
    get: (given) => statement.get(...bind(given)),
    iterate: (given) => statement.iterate(...bind(given)),
  };
}
