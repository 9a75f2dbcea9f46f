// For children of fault tests: ends this process with SIGKILL in front of the Nth SQL statement that changes something, counted from `arm`.
// Works on better-sqlite3's own statements, below everything of ours, so no step of the product is left out.
import Database from 'better-sqlite3';

/** Call before the first database is opened. */
export function killAtStatement(n: number): { arm(): void; readonly counted: number } {
  const db = new Database(':memory:');
  const prototype = Object.getPrototypeOf(db.prepare('select 1')) as { run: (...args: unknown[]) => unknown };
  db.close();
  const { run } = prototype;
  let armed = false;
  let counted = 0;
  prototype.run = function counting(this: unknown, ...args: unknown[]) {
    if (armed) {
      counted += 1;
      if (counted === n) process.kill(process.pid, 'SIGKILL');
    }
    return run.apply(this, args);
  };
  return {
    arm: () => (armed = true),
    get counted() {
      return counted;
    },
  };
}
