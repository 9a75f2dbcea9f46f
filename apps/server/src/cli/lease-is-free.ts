// Owns the question whether anybody holds a lease, asked by taking it for a moment.
import { acquireLease } from '@cotg/db/lease';

export function leaseIsFree(path: string): boolean {
  using lease = acquireLease(path);
  return lease !== null;
}
