import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { JournalNotice } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';

/** People hear of it within this time. */
const DETECTED_MS = 5000;

it('F30: a directory that is moved away, replaced and brought back under a running journal is told each time within 5 s', async () => {
  using parent = temporaryDirectory();
  const folder = parent.file('data');
  mkdirSync(folder);
  const path = `${folder}/journal.db`;
  const problems: unknown[] = [];
  const journal = await openJournal({
    path,
    synchronous: 'normal',
    onNotice: (notice: JournalNotice) => notice.kind === 'file-lost' && problems.push(notice.problem),
  });
  try {
    renameSync(folder, parent.file('away'));
    await expect.poll(() => problems, { timeout: DETECTED_MS }).toEqual(['missing']);
    expect(journal.fileProblem).toBe('missing');
    mkdirSync(folder);
    copyFileSync(`${parent.file('away')}/journal.db`, path);
    await expect.poll(() => problems, { timeout: DETECTED_MS }).toEqual(['missing', 'replaced']);
    renameSync(folder, parent.file('stranger'));
    renameSync(parent.file('away'), folder);
    await expect.poll(() => problems.at(-1), { timeout: DETECTED_MS }).toBe(null);
    expect(journal.fileProblem).toBe(null);
  } finally {
    await journal.close();
  }
});
