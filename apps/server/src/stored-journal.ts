// Owns opening journal.db as its owner does: with its reserve, and with what was found missing noted. For whoever holds the host's lease.
import { openJournal } from '@cotg/db/journal';
import type { SqliteJournal } from '@cotg/db/journal';
import { releaseReserveWhenFull } from '@cotg/db/reserve';
import type { DataDir } from './data-dir.ts';
import { messageOf } from './errors.ts';

export interface StoredJournalLog {
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

export async function openStoredJournal(dataDir: DataDir, sync: string | undefined, log: StoredJournalLog): Promise<SqliteJournal> {
  releaseReserveWhenFull(dataDir.path);
  const journal = await openJournal({
    path: dataDir.journal,
    synchronous: sync === 'full' ? 'full' : 'normal',
    onNotice: (notice) => log.warn({ notice }, 'storage'),
  });
  try {
    journal.markLostTails();
  } catch (error) {
    // They wait in the journal until storing works.
    log.error({ error: messageOf(error) }, 'what was found missing could not be stored yet');
  }
  journal.keepReserve();
  return journal;
}
