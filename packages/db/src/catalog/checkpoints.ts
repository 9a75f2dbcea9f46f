// Owns stored screens: the newest state of a session's emulator, an opaque blob with the position it stands for. A cache: a row that is
// missing, damaged or of another emulator costs time, never output.
import { crc32 } from 'node:zlib';
import type { Kysely } from 'kysely';
import type { CatalogSchema } from './schema.ts';

/** Where a stored screen stands, and what a list shows of it. */
export interface CheckpointPlace {
  readonly sessionId: string;
  readonly run: number;
  readonly offset: number;
  readonly mark: number;
  readonly cols: number;
  readonly rows: number;
  /** Version of the emulator that made it. */
  readonly emulator: string;
  readonly hash: string;
  readonly title: string;
  readonly preview: readonly string[];
}

export interface StoredCheckpoint extends CheckpointPlace {
  readonly state: Uint8Array;
}

export type Checkpoints = ReturnType<typeof makeCheckpoints>;

export function makeCheckpoints(db: Kysely<CatalogSchema>) {
  return {
    /** Replaces what is stored of the session. */
    async put(checkpoint: StoredCheckpoint): Promise<void> {
      const { sessionId, preview, state, ...place } = checkpoint;
      const row = { session_id: sessionId, ...place, preview: JSON.stringify(preview), crc: crc32(state), state: Buffer.from(state) };
      await db
        .insertInto('checkpoint')
        .values(row)
        .onConflict((conflict) => conflict.column('session_id').doUpdateSet(row))
        .execute();
    },

    /** All of them, without their states. */
    async places(): Promise<CheckpointPlace[]> {
      const rows = await db
        .selectFrom('checkpoint')
        .select(['session_id', 'run', 'offset', 'mark', 'cols', 'rows', 'emulator', 'hash', 'title', 'preview'])
        .execute();
      return rows.map(({ session_id: sessionId, preview, ...place }) => ({
        sessionId,
        ...place,
        preview: JSON.parse(preview) as string[],
      }));
    },

    /** The state, if it is still the one of this offset and undamaged. */
    async read(sessionId: string, offset: number): Promise<Uint8Array | undefined> {
      const row = await db
        .selectFrom('checkpoint')
        .select(['crc', 'state'])
        .where('session_id', '=', sessionId)
        .where('offset', '=', offset)
        .executeTakeFirst();
      return row && crc32(row.state) === row.crc ? row.state : undefined;
    },

    async remove(sessionId: string): Promise<void> {
      await db.deleteFrom('checkpoint').where('session_id', '=', sessionId).execute();
    },
  };
}
