// Owns the list of the catalog's migrations. Append only; a released migration is never edited.
import type { SchemaIdentity } from '../../migrate.ts';
import { CATALOG_APPLICATION_ID, layout } from './0001-layout.ts';
import { checkpoints } from './0002-checkpoints.ts';
import { loginAttempts } from './0003-login-attempts.ts';

export const catalogSchema: SchemaIdentity = {
  applicationId: CATALOG_APPLICATION_ID,
  ownTable: 'device',
  migrations: { '0001-layout': layout, '0002-checkpoints': checkpoints, '0003-login-attempts': loginAttempts },
};
