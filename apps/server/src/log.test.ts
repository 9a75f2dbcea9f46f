import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** As the server does in its last moment: lines, and the end. */
const PROGRAM = (format: string): string => `
  import { makeLogger } from ${JSON.stringify(new URL('log.ts', import.meta.url).href)};
  const log = makeLogger({ level: 'info', format: '${format}', name: 'test' });
  for (let n = 0; n < 1000; n += 1) log.info({ n }, 'a line');
  process.exit(7);
`;

test.each(['json', 'pretty'])('%s: every line is written before the process ends', (format) => {
  const { status, stderr } = spawnSync(process.execPath, ['--conditions=@cotg/source', '--input-type=module', '-e', PROGRAM(format)]);
  expect(stderr.toString().match(/a line/g)).toHaveLength(1000);
  expect(status).toBe(7);
});
