import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { encodePiece } from '../src/journal/segment-codec.ts';
import { openJournal, verifyJournal } from '../src/journal.ts';
import type { Finding } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { newSession } from './support/sessions.ts';

/** A journal with output [0, 3000) of one session, its first 1000 bytes in a segment, changed by `spoil`. */
async function findingsAfter(spoil: (db: Database.Database) => void): Promise<{ findings: Finding[]; id: string }> {
  using directory = temporaryDirectory();
  const path = directory.file('journal.db');
  const journal = await openJournal({ path, synchronous: 'normal' });
  const { id } = journal.createSession(newSession());
  for (let from = 0; from < 3000; from += 1000) {
    journal.append(id, pattern(0, from, from + 1000));
    journal.resized(id, 100 + from, 24);
    journal.flush();
  }
  await journal.close();
  const db = new Database(path);
  try {
    const { off, len, codec, crc, data } = encodePiece(0, pattern(0, 0, 1000));
    db.prepare('insert into segment (session, off, len, codec, level, crc, data) values (1, ?, ?, ?, 1, ?, ?)').run(
      off,
      len,
      codec,
      crc,
      data,
    );
    db.exec('delete from tail where id = 1');
    spoil(db);
    return { findings: [...verifyJournal(db)], id };
  } finally {
    db.close();
  }
}

describe('verifying a journal', () => {
  it('finds nothing in a whole one', async () => {
    expect((await findingsAfter(() => {})).findings).toEqual([]);
  });

  it('a recorded gap is no hole, and neither is a segment that begins below the first kept byte', async () => {
    const { findings } = await findingsAfter((db) => {
      db.exec('update session set first_offset = 400');
      db.exec("insert into base_checkpoint (session, off, cols, rows, version, crc, data) values (1, 400, 80, 24, 'v', 0, x'')");
      db.exec('delete from tail where id = 2');
      db.exec('update mark set kind = 4, lost_bytes = 1000, cols = null, rows = null where off = 1000 and kind = 2');
    });
    expect(findings).toEqual([]);
  });

  it.each([
    [
      'a flipped bit in a segment',
      'segment-crc',
      0,
      1000,
      "update segment set data = cast(substr(data, 1, 40) || x'a5' || substr(data, 42) as blob)",
    ],
    ['a wrong checksum', 'segment-crc', 0, 1000, 'update segment set crc = crc + 1'],
    ['a wrong length', 'overlap', 1000, 1001, 'update segment set len = 1001'],
    ['an unknown codec', 'segment-crc', 0, 1000, 'update segment set codec = 9'],
    ['a missing segment', 'hole', 0, 1000, 'delete from segment'],
    ['a missing row of the tail', 'hole', 1000, 2000, 'delete from tail where id = 2'],
    ['a doubled row of the tail', 'overlap', 1000, 2000, 'insert into tail select 9, session, off, data, crc from tail where id = 2'],
    ['a missing mark', 'marks', 2000, 2000, 'delete from mark where mark = 3'],
    ['a mark behind all output', 'marks', 3000, 9000, 'update mark set off = 9000 where mark = (select max(mark) from mark)'],
    ['a size that no mark says', 'marks', undefined, undefined, 'update session set cols = 7'],
    ['a missing run', 'runs', undefined, undefined, 'update run set run = 2'],
    ['a missing base checkpoint', 'base', 400, 400, 'update session set first_offset = 400'],
    [
      'a base checkpoint elsewhere',
      'base',
      5,
      5,
      "insert into base_checkpoint (session, off, cols, rows, version, crc, data) values (1, 5, 80, 24, 'v', 0, x'')",
    ],
  ] as const)('finds %s', async (_what, kind, from, to, change) => {
    const { findings, id } = await findingsAfter((db) => db.exec(change));
    const range = from === undefined ? {} : { from, to };
    expect(findings).toContainEqual(expect.objectContaining({ kind, session: id, ...range }));
  });

  it('finds rows of a session that does not exist, and none that wait for their purge', async () => {
    const gone = 'pragma foreign_keys = off; delete from session';
    expect((await findingsAfter((db) => db.exec(gone))).findings.map(({ kind }) => kind)).toEqual(['integrity', 'integrity', 'integrity']);
    expect((await findingsAfter((db) => db.exec(`${gone}; insert into purge values (1)`))).findings).toEqual([]);
  });
});
