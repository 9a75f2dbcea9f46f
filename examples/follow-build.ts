// Starts a build, prints its lines that a pattern finds something in as they come, and ends with the exit code of the build. Stopping this script
// does not stop the build.
// Usage: node follow-build.ts FOLDER PATTERN COMMAND ARGUMENTS…
import { stripVTControlCharacters } from 'node:util';
import { api, client } from './sign-in.ts';

const [cwd = process.cwd(), pattern = 'error|warning', ...command] = process.argv.slice(2);
const wanted = new RegExp(pattern);

const { id: sessionId } = await api.session.create.mutate({ command: command.length > 0 ? command : ['make'], cwd, name: 'build' });
const viewerId = `follow-${process.pid}`;
const decoder = new TextDecoder();
let rest = '';

const code = await new Promise<number>((resolve, reject) => {
  // From the first byte on; after a cut it goes on where it was.
  api.session.attach.subscribe(
    { sessionId, viewerId, complete: true, have: { run: 1, offset: 0, mark: 0 } },
    {
      onData({ data: event }) {
        if (event.type === 'exit') resolve(event.code ?? 1);
        if (event.type !== 'output') return;
        const lines = (rest + decoder.decode(event.bytes, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines.map((each) => stripVTControlCharacters(each).trimEnd())) if (wanted.test(line)) console.log(line);
        // Without this the server stops sending after a while.
        api.session.ack.mutate({ sessionId, viewerId, offset: event.offset + event.bytes.length }).catch(() => undefined);
      },
      onError: reject,
    },
  );
});
console.log(`ended with ${code}`);
process.exitCode = code;
await client.close();
