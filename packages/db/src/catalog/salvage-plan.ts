// Owns what recovery is told of catalog.db. Nothing in it refers to anything else; stored screens are a cache, checked when they are read.
import type { SalvagePlan } from '../recovery.ts';

export const catalogSalvage: SalvagePlan = {
  tables: ['instance', 'session', 'device', 'audit', 'checkpoint', 'login_attempt'],
  mend: () => [],
};
