// Writes the history of every session that was last active since yesterday's midnight to a folder, as text.
// Usage: node export-yesterday.ts FOLDER
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { api, client, token, url } from './sign-in.ts';

const folder = process.argv[2] ?? 'history';
mkdirSync(folder, { recursive: true });
const since = new Date();
since.setDate(since.getDate() - 1);
since.setHours(0, 0, 0, 0);

for (const { id, title, lastActivityAt } of await api.session.list.query()) {
  if (new Date(lastActivityAt) < since) continue;
  // Over REST: it is streamed, however long it is.
  const answer = await fetch(`${url}/api/sessions/${id}/history?format=text`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok || !answer.body) throw new Error(`${id}: ${answer.status}`);
  const file = join(folder, `${id}.txt`);
  await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(file));
  console.log(`${file}  ${title}`);
}
await client.close();
