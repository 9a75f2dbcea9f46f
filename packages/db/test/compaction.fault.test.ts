import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openJournal, verifyJournal } from '../src/journal.ts';
import type { Finding, JournalNotice } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { makeRandom } from './support/random.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { EXITED, newSession } from './support/sessions.ts';

const KIB = 1024;
const COMPACTION_WRITER = fileURLToPath(new URL('support/compaction-writer.ts', import.meta.url));
const CHECKPOINT_WRITER = fileURLToPath(new URL('support/checkpoint-writer.ts', import.meta.url));
/** More statements than this are a loop. */
const MAX_STEPS = 200;
const CHILD_TIMEOUT_MS = 60_000;
const TAIL_FLIPS = process.env['COTG_FAULTS'] === 'full' ? 200 : 20;
const FLIPS = Number(process.env['COTG_TEST_FLIPS'] ?? 300);

function verify(path: string): Finding[] {
  const db = new Database(path);
  const findings = [...verifyJournal(db)];
  db.close();
  return findings;
}

describe('compaction', () => {
  it('F6: a kill -9 in front of every statement of roll and seal leaves every byte once, and the rerun finishes', async () => {
    let done = false;
    let statements = 0;
    for (let n = 1; !done && n < MAX_STEPS; n += 1) {
      using directory = temporaryDirectory();
      const path = directory.file('journal.db');
      const child = spawnSync(process.execPath, [COMPACTION_WRITER, path, String(n)], { encoding: 'utf8', timeout: CHILD_TIMEOUT_MS });
      done = child.stdout.startsWith('done');
      const at = `killed before statement ${n}`;
      if (!done) expect(child.signal, `${at}: ${child.stderr}`).toBe('SIGKILL');
      expect(verify(path), at).toEqual([]);

      const journal = await openJournal({ path, synchronous: 'normal' });
      const [ended, running] = journal.sessions();
      if (!ended || !running) throw new Error('the sessions are gone');
      const check = async (): Promise<void> => {
        for (const [index, id, end] of [
          [0, ended.id, 300 * KIB],
          [1, running.id, 150 * KIB],
        ] as const) {
          const { stream } = await readHistory(journal, id);
          expect(outputOf(stream).equals(pattern(index, 0, end)), at).toBe(true);
        }
      };
      await check();
      await journal.compact();
      await check();
      await journal.close();
      expect(verify(path), at).toEqual([]);
      const db = new Database(path, { readonly: true });
      const segments = db.prepare('select session, level, count(*) from segment group by 1, 2 order by 1').raw().all();
      const tail = db.prepare('select count(*) from tail').pluck().get();
      db.close();
      // The ended session is one sealed segment, the running one waits in pieces for the rest of its block.
      expect({ segments, tail }, at).toEqual({
        segments: [
          [1, 2, 1],
          [2, 1, 1],
        ],
        tail: 0,
      });
      statements = n;
    }
    expect(done).toBe(true);
    // Two transactions, eight changes in them.
    expect(statements).toBeGreaterThan(8);
  }, 300_000);

  it('F6: a kill -9 at every step of a checkpoint, and while the worker is at it, loses nothing that was shown', async () => {
    let done = false;
    for (let n = 1; !done && n < MAX_STEPS; n += 1) {
      for (const afterMs of done ? [] : [0, 3]) {
        using directory = temporaryDirectory();
        const path = directory.file('journal.db');
        const child = spawn(process.execPath, [CHECKPOINT_WRITER, path, String(n), String(afterMs)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let said = '';
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
        await once(child, 'close');
        done ||= said.endsWith('done\n');
        const at = `killed ${afterMs} ms after step ${n}`;
        if (!said.endsWith('done\n')) expect(child.signalCode, at).toBe('SIGKILL');
        const shown = Math.max(
          0,
          ...said
            .split('\n')
            .slice(0, -1)
            .map((line) => Number(line.split(' ')[1] ?? 0))
            .filter(Number.isFinite),
        );
        expect(shown, at).toBeGreaterThan(0);
        const journal = await openJournal({ path, synchronous: 'normal' });
        const [session] = journal.sessions();
        if (!session) throw new Error('the session is gone');
        expect(session.endOffset, at).toBeGreaterThanOrEqual(shown);
        const { stream } = await readHistory(journal, session.id, { maxBytes: 1_000_000 });
        expect(outputOf(stream).equals(pattern(0, 0, session.endOffset)), at).toBe(true);
        await journal.close();
        expect(verify(path), at).toEqual([]);
      }
    }
    expect(done).toBe(true);
  }, 600_000);
});

/** A journal with a sealed segment and pieces of one session, and output of another. */
async function makeCompacted(path: string): Promise<{ readonly id: string; readonly other: string; readonly end: number }> {
  const journal = await openJournal({ path, synchronous: 'normal' });
  const { id } = journal.createSession(newSession());
  const other = journal.createSession(newSession()).id;
  const end = 1400 * KIB;
  for (let at = 0; at < end; at += 50 * KIB) journal.append(id, pattern(0, at, at + 50 * KIB));
  journal.append(other, pattern(1, 0, 100 * KIB));
  journal.flush();
  await journal.compact();
  await journal.close();
  return { id, other, end };
}

/** Whether a changed blob gives the same output all the same. */
function isSame(changed: Buffer, { off, len }: { readonly off: number; readonly len: number }): boolean {
  for (const unpack of [brotliDecompressSync, zstdDecompressSync]) {
    try {
      return unpack(changed).equals(pattern(0, off, off + len));
    } catch {
      continue;
    }
  }
  return false;
}

describe('damage in segments', () => {
  it(`F32: one flipped bit in a segment is found by verifying, ${FLIPS} times out of ${FLIPS}`, async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const { id } = await makeCompacted(path);
    const random = makeRandom(Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000));
    const db = new Database(path);
    const segments = db
      .prepare<[], { id: number; off: number; len: number; data: Buffer }>('select id, off, len, data from segment where session = 1')
      .all();
    expect(segments.length).toBeGreaterThan(2);
    const put = db.prepare('update segment set data = ? where id = ?');
    for (let flip = 0; flip < FLIPS; flip++) {
      const segment = random.pick(segments);
      const at = random.int(0, segment.data.length * 8 - 1);
      const flipped = Buffer.from(segment.data);
      flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
      put.run(flipped, segment.id);
      const { off, len } = segment;
      const findings = [...verifyJournal(db)];
      // A codec may have bits that mean nothing: then the output is the same, and nothing is damaged.
      if (findings.length > 0 || !isSame(flipped, segment)) {
        expect(findings, `seed ${random.seed}, bit ${at} of the segment at ${off}`).toEqual([
          expect.objectContaining({ kind: 'segment-crc', session: id, from: off, to: off + len }),
        ]);
      }
      put.run(segment.data, segment.id);
    }
    db.close();
  }, 120_000);

  it(`F32: one flipped bit in the newest output, which is not compressed yet, is found by whoever reads it, by verifying, and after it was compressed, ${TAIL_FLIPS} times out of ${TAIL_FLIPS}`, async () => {
    const random = makeRandom(Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000));
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const end = 60 * KIB;
    const ids: string[] = [];
    {
      await using made = await openJournal({ path, synchronous: 'normal' });
      for (const index of [0, 1]) {
        const id = made.createSession(newSession()).id;
        ids.push(id);
        for (let at = 0; at < end; at += 2 * KIB) {
          made.append(id, pattern(index, at, at + 2 * KIB));
          made.flush();
        }
      }
    }
    const [ill = '', well = ''] = ids;
    for (let flip = 0; flip < TAIL_FLIPS; flip += 1) {
      const copy = directory.file(`flip-${flip}.db`);
      copyFileSync(path, copy);
      const db = new Database(copy);
      const rows = db.prepare<[], { id: number; off: number; data: Buffer }>('select id, off, data from tail where session = 1').all();
      const { id, off, data } = random.pick(rows);
      const bit = random.int(0, data.length * 8 - 1);
      data[bit >> 3] = (data[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      db.prepare('update tail set data = ? where id = ?').run(data, id);
      const at = `seed ${random.seed}, flip ${flip}: bit ${bit} of the row at ${off}`;
      expect([...verifyJournal(db)], at).toEqual([
        expect.objectContaining({ kind: 'tail-crc', session: ill, from: off, to: off + data.length }),
      ]);
      db.close();
      await using journal = await openJournal({ path: copy, synchronous: 'normal' });
      // Twice: as it lies there, and made into compressed pieces.
      for (const when of ['in the tail', 'compressed']) {
        const page = await journal.history(
          { id: ill, fromOffset: 0, afterMark: 0, toOffset: end, maxBytes: 1_000_000, cursor: null },
          new AbortController().signal,
        );
        if (page.kind !== 'page') throw new Error(page.kind);
        let stored = 0;
        const damaged: [number, number][] = [];
        for (const { offset, length, codec, storedLength, crc } of page.pieces) {
          const bytes = page.bytes.subarray(stored, (stored += storedLength));
          const output = codec === 'zstd' ? zstdDecompressSync(bytes) : codec === 'brotli' ? brotliDecompressSync(bytes) : bytes;
          if (output.length !== length || (crc !== null && crc32(output) !== crc)) damaged.push([offset, offset + length]);
          else expect(Buffer.from(pattern(0, offset, offset + length)).equals(output), `${at}, ${when}`).toBe(true);
        }
        expect(damaged, `${at}, ${when}`).toEqual([[off, off + data.length]]);
        const { stream } = await readHistory(journal, well);
        expect(outputOf(stream).equals(pattern(1, 0, end)), `${at}, ${when}`).toBe(true);
        for (const session of ids) if (journal.session(session)?.endedAt === null) journal.runEnded(session, EXITED);
        await journal.compact();
      }
    }
  }, 600_000);

  it('F36: a segment of a wrong length, a bomb and a bad checksum are refused at their limit, and the rest is readable', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const { other } = await makeCompacted(path);
    const copy = directory.file('copy.db');
    for (const change of [
      'update segment set crc = crc + 1 where id = (select min(id) from segment where session = 1)',
      'update segment set codec = 1, data = (select data from bomb) where id = (select min(id) from segment where session = 1)',
      "update segment set data = x'' where id = (select min(id) from segment where session = 1)",
    ]) {
      copyFileSync(path, copy);
      const db = new Database(copy);
      db.exec('create temp table bomb (data blob)');
      db.prepare('insert into bomb values (?)').run(zstdCompressSync(Buffer.alloc(256 * 1024 * KIB)));
      db.exec(change);
      const before = process.memoryUsage().rss;
      expect(
        [...verifyJournal(db)].map(({ kind }) => kind),
        change,
      ).toEqual(['segment-crc']);
      expect(process.memoryUsage().rss - before, change).toBeLessThan(64 * 1024 * KIB);
      db.close();
      const journal = await openJournal({ path: copy, synchronous: 'normal' });
      const { stream } = await readHistory(journal, other);
      expect(outputOf(stream).equals(pattern(1, 0, 100 * KIB)), change).toBe(true);
      await journal.close();
    }
  });

  it('F32: a damaged piece is not sealed over: it is named, kept as it is, and the other blocks are sealed', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const { id, end } = await makeCompacted(path);
    const db = new Database(path);
    db.exec('update segment set crc = crc + 1 where session = 1 and level = 1');
    const spoilt = db.prepare<[], number[]>('select id from segment where session = 1 and level = 1 order by id').raw().all();
    db.close();
    const notices: JournalNotice[] = [];
    const journal = await openJournal({ path, synchronous: 'normal', onNotice: (notice) => notices.push(notice) });
    for (const session of journal.sessions()) journal.runEnded(session.id, EXITED);
    await journal.compact();
    expect(notices).toEqual([expect.objectContaining({ kind: 'segment-damaged', sessionId: id, from: 1024 * KIB, to: end })]);
    await journal.close();
    const after = new Database(path);
    expect(after.prepare('select id from segment where session = 1 and level = 1 order by id').raw().all()).toEqual(spoilt);
    expect(after.prepare('select level from segment where session = 2').pluck().all()).toEqual([2]);
    after.close();
  });
});
