// Owns the layout of catalog.db, as Kysely sees it: what the server knows and the host does not. All tables are STRICT; booleans are
// 0 or 1, times epoch milliseconds. Sessions themselves (runs, sizes, output) are the journal's; a row here may outlive its session
// until the server removes it, and a session without a row has neither name nor pin.
import type { Generated } from 'kysely';

export interface CatalogSchema {
  session: SessionTable;
  device: DeviceTable;
  audit: AuditTable;
  instance: InstanceTable;
  checkpoint: CheckpointTable;
  login_attempt: LoginAttemptTable;
}

export interface SessionTable {
  session_id: string;
  /** Given by the user; null: the terminal's own title is shown. */
  name: string | null;
  pinned: number;
  /** Name of the profile it was started from. */
  profile: string | null;
  created_at: number;
  /** When a client first saw it ended: from here its grace counts. */
  end_seen_at: number | null;
}

export interface DeviceTable {
  id: string;
  name: string;
  /** SHA-256 of the token, lower-case hex; the token itself is stored nowhere. */
  token_hash: string;
  role: string;
  created_at: number;
  /** 0: it has been let in and has not asked for anything yet. */
  last_seen_at: number;
  /** Revoked for good; the row stays for the audit. */
  revoked_at: number | null;
}

export interface AuditTable {
  id: Generated<number>;
  at: number;
  actor: string;
  action: string;
  session_id: string | null;
  /** JSON object. */
  detail: string;
}

/** One row. */
export interface InstanceTable {
  id: number;
  /** Short and random: part of the cookie's name, so that two installations on one host do not take each other's. */
  instance_id: string;
  created_at: number;
}

/** Wrong attempts to get in. */
export interface LoginAttemptTable {
  /** Whose, over which time. */
  key: string;
  count: number;
  expires_at: number;
}

/** A cache: everything in it can be made again from the journal. */
export interface CheckpointTable {
  session_id: string;
  run: number;
  /** Output bytes, and the newest mark, that the state stands for. */
  offset: number;
  mark: number;
  cols: number;
  rows: number;
  /** Version of the emulator: another one cannot read the state. */
  emulator: string;
  /** Fingerprint of the visible screen. */
  hash: string;
  title: string;
  /** JSON array of lines. */
  preview: string;
  /** CRC-32 of the state: SQLite does not notice a flipped bit in a blob. */
  crc: number;
  /** deflate-raw. */
  state: Buffer;
}
