// Closes a switch over a union: a new member makes the call a type error, and a value from outside the union an exception.
import { InvariantError } from './errors.ts';

export function assertNever(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`);
}
