// Owns the list of the journal's migrations. Append only; a released migration is never edited.
import type { SchemaIdentity } from '../../migrate.ts';
import { JOURNAL_APPLICATION_ID, layout } from './0001-layout.ts';
import { trim } from './0002-trim.ts';
import { tailCrc } from './0003-tail-crc.ts';

export const journalSchema: SchemaIdentity = {
  applicationId: JOURNAL_APPLICATION_ID,
  ownTable: 'segment',
  migrations: { '0001-layout': layout, '0002-trim': trim, '0003-tail-crc': tailCrc },
};
