// Drives a full-screen program: writes a line into a file with vim, waiting for what the screen shows instead of for time.
// Usage: node drive-vim.ts FILE 'some text'
import { resolve } from 'node:path';
import { api, client } from './sign-in.ts';

const [file = 'note.txt', text = 'written from afar'] = process.argv.slice(2);
const ESCAPE = '\u001b';

const { id } = await api.session.create.mutate({ command: ['vim', '--clean', resolve(file)], cols: 80, rows: 24 });
let n = 0;
const type = async (data: string): Promise<void> => {
  n += 1;
  await api.session.input.mutate({ sessionId: id, viewerId: 'drive-vim', n, data });
};
const see = async (shown: string): Promise<void> => {
  const met = await api.session.waitFor.query({ sessionId: id, text: shown });
  if (met.kind !== 'text') throw new Error(`vim does not show “${shown}”: ${met.kind}`);
};

await see('0,0-1');
await type(`i${text}`);
await see(text);
await type(`${ESCAPE}:wq\r`);
const end = await api.session.waitFor.query({ sessionId: id, exit: true });
console.log(end.kind === 'exit' ? `vim ended with ${end.exitCode}` : 'vim still runs');
await client.close();
