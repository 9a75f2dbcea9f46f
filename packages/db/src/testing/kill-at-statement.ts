// For children of fault tests: ends this process with SIGKILL in front of the Nth SQL statement that changes something, counted from `arm`.
// Works on better-sqlite3's own statements, below everything of ours, so no step of the product is left out.
import Database from 'better-sqlite3';
import type { Statement } from 'better-sqlite3';

type Method = (this: Statement, ...args: unknown[]) => unknown;

/** Call before the first database is opened. */
export function killAtStatement(n: number): { arm(): void; readonly counted: number } {
  const db = new Database(':memory:');
  const prototype = Object.getPrototypeOf(db.prepare('select 1')) as Record<'run' | 'all', Method>;
  db.close();
  let armed = false;
  let counted = 0;
  const counting = (method: Method): Method =>
    function count(...args) {
      if (armed && !(this.reader && this.readonly)) {
        counted += 1;
        if (counted === n) process.kill(process.pid, 'SIGKILL');
      }
      return method.apply(this, args);
    };
  prototype.run = counting(prototype.run);
  // "insert … returning" gives rows.
  prototype.all = counting(prototype.all);
  return {
    arm: () => (armed = true),
    get counted() {
      return counted;
    },
  };
}
