// Damaged files are opened by the real code: whatever the damage, the journal opens, tells what is missing, and what it gives is exact.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCatalog } from '../src/catalog.ts';
import { damageReports, openJournal, verifyJournal } from '../src/journal.ts';
import type { DamageReport, SqliteJournal } from '../src/journal.ts';
import { encodePiece } from '../src/journal/segment-codec.ts';
import { temporaryDirectory } from '../src/testing.ts';
import type { TemporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { makeRandom } from './support/random.ts';
import { newSession } from './support/sessions.ts';

const FULL = process.env['COTG_FAULTS'] === 'full';
const SEED = Number(process.env['COTG_SEED'] ?? 34);
const SESSIONS = 4;
const BYTES = 96 * 1024;
const PAGE = 4096;
/** A start must not take longer. */
const START_MS = 10_000;

let master: TemporaryDirectory;
let ids: string[] = [];

/** Four sessions with segments and tail, part of it in the log only. */
beforeAll(async () => {
  master = temporaryDirectory();
  const path = master.file('journal.db');
  const journal = await openJournal({ path, synchronous: 'normal' });
  ids = Array.from({ length: SESSIONS }, () => journal.createSession(newSession()).id);
  for (let from = 0; from < BYTES; from += 2048) {
    for (const [index, id] of ids.entries()) {
      journal.append(id, pattern(index + 1, from, from + 2048));
      if (from % 8192 === 0) journal.resized(id, 80 + from / 8192, 24);
    }
    journal.flush();
  }
  await journal.close();
  const db = new Database(path);
  // The oldest quarter as compaction leaves it.
  const insert = db.prepare('insert into segment (session, off, len, codec, level, crc, data) values (?, ?, ?, ?, 1, ?, ?)');
  for (let index = 1; index <= SESSIONS; index += 1) {
    const { off, len, codec, crc, data } = encodePiece(0, pattern(index, 0, BYTES / 4));
    insert.run(index, off, len, codec, crc, data);
    db.prepare('delete from tail where session = ? and off < ?').run(index, BYTES / 4);
  }
  db.close();
});

afterAll(() => master[Symbol.dispose]());

interface Opened {
  readonly reports: DamageReport[];
  readonly files: Map<string, Buffer>;
  readonly tookMs: number;
}

/** Spoils a copy, opens it, checks every rule that holds whatever the damage was. */
async function openSpoiled(
  spoil: (path: string) => void,
  look: (journal: SqliteJournal) => Promise<void> = expectExactWhereGiven,
): Promise<Opened> {
  using directory = temporaryDirectory();
  for (const name of readdirSync(master.path)) copyFileSync(master.file(name), directory.file(name));
  const path = directory.file('journal.db');
  spoil(path);
  const before = new Map(['', '-wal'].filter((s) => existsSync(path + s)).map((s) => [s, readFileSync(path + s)]));
  const reports: DamageReport[] = [];
  const beganMs = performance.now();
  const journal = await openJournal({
    path,
    synchronous: 'normal',
    onNotice: (notice) => notice.kind === 'recovered' && reports.push(notice.report),
  });
  const tookMs = performance.now() - beganMs;
  try {
    expect(tookMs).toBeLessThan(START_MS);
    for (const { setAside } of reports) {
      // Byte for byte what it was.
      expect(readFileSync(join(dirname(path), setAside)).equals(before.get('') ?? Buffer.alloc(0))).toBe(true);
      expect(statSync(join(dirname(path), setAside)).mode & 0o777).toBe(0o600);
    }
    expect(damageReports(dirname(path)).map(({ setAside }) => setAside)).toEqual(reports.map(({ setAside }) => setAside));
    // It goes on being written.
    const { id } = journal.createSession(newSession());
    journal.append(id, pattern(9, 0, 1000));
    journal.flush();
    expect(journal.stats().storage).toBe('ok');
    await look(journal);
  } finally {
    await journal.close();
  }
  if (reports.length > 0) {
    const db = new Database(path, { readonly: true });
    expect([...verifyJournal(db)]).toEqual([]);
    db.close();
  }
  return { reports, files: before, tookMs };
}

const NEVER = new AbortController().signal;

/** Each byte says where it belongs; what is not given is inside a gap mark, or refused as damaged. */
async function expectExactWhereGiven(journal: SqliteJournal): Promise<void> {
  for (const [index, id] of ids.entries()) {
    const session = journal.session(id);
    if (session === undefined) continue;
    for (let from = session.firstOffset; from < session.endOffset;) {
      const page = await journal.history(
        { id, fromOffset: from, afterMark: 0, toOffset: session.endOffset, maxBytes: 65536, cursor: null },
        NEVER,
      );
      if (page.kind !== 'page') throw new Error(page.kind);
      let stored = 0;
      for (const piece of page.pieces) {
        const bytes = page.bytes.subarray(stored, stored + piece.storedLength);
        stored += piece.storedLength;
        if (piece.codec !== 'none') continue;
        expect(Buffer.from(bytes).equals(pattern(index + 1, piece.offset, piece.offset + piece.length))).toBe(true);
      }
      const next = page.next?.offset ?? session.endOffset;
      if (next <= from) break;
      from = next;
    }
  }
}

/** Writes over a closed file. */
function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const content = readFileSync(path);
  content.set(bytes.subarray(0, Math.max(0, content.length - at)), at);
  writeFileSync(path, content);
}

describe('a damaged journal', () => {
  it('F34: cut at any length, it opens; the cut file is set aside and whole sessions are exact', async () => {
    const random = makeRandom(SEED);
    process.stderr.write(`F34 truncation seed ${SEED}\n`);
    const size = statSync(master.file('journal.db')).size;
    let recovered = 0;
    for (let round = 0; round < (FULL ? 200 : 50); round += 1) {
      const { reports } = await openSpoiled((path) => truncateSync(path, random.int(1, size - 1)));
      recovered += reports.length;
    }
    expect(recovered).toBeGreaterThan(0);
  });

  it('F34: any page zeroed, swapped, or random bytes over 4 KiB', async () => {
    const random = makeRandom(SEED + 1);
    process.stderr.write(`F34 page seed ${SEED + 1}\n`);
    const pages = statSync(master.file('journal.db')).size / PAGE;
    let recovered = 0;
    for (let round = 0; round < (FULL ? 600 : 60); round += 1) {
      const { reports } = await openSpoiled(
        (path) => {
          const content = readFileSync(path);
          const at = random.int(0, pages - 1) * PAGE;
          if (round % 3 === 0) content.fill(0, at, at + PAGE);
          else if (round % 3 === 1) content.set(random.bytes(PAGE), random.int(0, content.length - PAGE));
          else {
            const other = random.int(0, pages - 1) * PAGE;
            const kept = Buffer.from(content.subarray(at, at + PAGE));
            content.copyWithin(at, other, other + PAGE);
            content.set(kept, other);
          }
          writeFileSync(path, content);
          // Output in the log carries no checksum before it is compacted: bytes changed inside a row cannot be told.
        },
        round % 3 === 1 ? async () => undefined : undefined,
      );
      recovered += reports.length;
    }
    expect(recovered).toBeGreaterThan(0);
  });

  it('F34: with garbage for a header everything is salvaged', async () => {
    const { reports } = await openSpoiled(
      (path) => overwrite(path, 0, makeRandom(SEED).bytes(100)),
      async (journal) => {
        for (const id of ids) expect(journal.session(id)).toMatchObject({ id, endOffset: BYTES, firstOffset: 0 });
      },
    );
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ file: 'journal.db', missing: [], tables: { session: { kept: SESSIONS, brokenPlaces: 0 } } });
  });

  it('F34: a first page of noise costs nothing that lies on other pages', async () => {
    const { reports } = await openSpoiled(
      (path) => overwrite(path, 0, makeRandom(SEED).bytes(PAGE)),
      async (journal) => {
        for (const id of ids) expect(journal.session(id)?.endOffset).toBe(BYTES);
      },
    );
    expect(reports[0]?.missing).toEqual([]);
  });

  it('F35: noise that was never a database is set aside, and a new journal begins', async () => {
    const { reports } = await openSpoiled(
      (path) => writeFileSync(path, makeRandom(SEED).bytes(50_000)),
      async () => undefined,
    );
    expect(reports).toHaveLength(1);
  });

  it('F35: a directory or a FIFO in its place is refused by name and left alone', async () => {
    using directory = temporaryDirectory();
    const folder = directory.file('journal.db');
    mkdirSync(folder);
    writeFileSync(join(folder, 'mine'), 'x');
    await expect(openJournal({ path: folder, synchronous: 'normal' })).rejects.toMatchObject({ code: 'STORAGE_NOT_A_FILE' });
    expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('x');
    const fifo = directory.file('catalog.db');
    execFileSync('mkfifo', [fifo]);
    await expect(openCatalog({ path: fifo })).rejects.toMatchObject({ code: 'STORAGE_NOT_A_FILE' });
    expect(
      readdirSync(directory.path)
        .map((name) => basename(name))
        .toSorted(),
    ).toEqual(['catalog.db', 'journal.db']);
  });

  it('F35: an empty file becomes a new journal', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    writeFileSync(path, '');
    await using journal = await openJournal({ path, synchronous: 'normal' });
    expect(journal.sessions()).toEqual([]);
  });

  it('F31: a log without its database is set aside, not deleted', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    writeFileSync(`${path}-wal`, 'the only copy');
    await using journal = await openJournal({ path, synchronous: 'normal' });
    expect(journal.sessions()).toEqual([]);
    const kept = readdirSync(directory.path).find((name) => name.includes('.damaged-') && name.endsWith('-wal'));
    expect(readFileSync(directory.file(kept ?? ''), 'utf8')).toBe('the only copy');
  });

  it('F32: one flipped bit anywhere never stops the start', async () => {
    const random = makeRandom(SEED + 2);
    process.stderr.write(`F32 bit seed ${SEED + 2}\n`);
    const size = statSync(master.file('journal.db')).size;
    for (let round = 0; round < (FULL ? 1000 : 300); round += 1) {
      // Rows of the tail carry no checksum of their own: what is compared here is that it opens and is written.
      using directory = temporaryDirectory();
      const path = directory.file('journal.db');
      const content = readFileSync(master.file('journal.db'));
      const at = random.int(0, size - 1);
      content.writeUInt8(content.readUInt8(at) ^ (1 << random.int(0, 7)), at);
      writeFileSync(path, content);
      const journal = await openJournal({ path, synchronous: 'normal' });
      const { id } = journal.createSession(newSession());
      journal.append(id, pattern(9, 0, 100));
      journal.flush();
      expect(journal.stats().storage).toBe('ok');
      await journal.close();
    }
  });

  it('a damaged catalog keeps its devices and sessions that can be read', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('catalog.db');
    const first = await openCatalog({ path });
    const { instanceId } = first;
    await first.close();
    overwrite(path, 0, makeRandom(SEED).bytes(100));
    const reports: DamageReport[] = [];
    const second = await openCatalog({ path, onDamage: (report) => reports.push(report) });
    expect(second.instanceId).toBe(instanceId);
    expect(reports).toHaveLength(1);
    await second.close();
  });
});
