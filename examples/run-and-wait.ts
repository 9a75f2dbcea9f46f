// Runs a command in a shell of its own and waits until the shell asks for the next one; prints what came between.
// Usage: node run-and-wait.ts 'ls -l'
import { api, client } from './sign-in.ts';

const command = process.argv[2] ?? 'uname -a';
const PROMPT = 'ready> ';

const { id } = await api.session.create.mutate({ command: ['bash', '--norc', '--noprofile'], env: { PS1: PROMPT } });
await api.session.waitFor.query({ sessionId: id, text: PROMPT.trimEnd() });

const from = (await api.session.get.query({ sessionId: id })).endOffset;
await api.session.input.mutate({ sessionId: id, viewerId: 'run-and-wait', n: 1, data: `${command}\r` });
// The line that was typed stands behind a prompt, too: the one that nothing follows is the next one.
const met = await api.session.waitFor.query({ sessionId: id, pattern: '^ready>$', fromOffset: from, timeoutMs: 60_000 });
if (met.kind !== 'pattern') throw new Error(`no prompt: ${met.kind}`);

const { content } = await api.session.history.query({ sessionId: id, from, to: met.offset });
console.log(content.split('\n').slice(1, -2).join('\n'));
await api.session.kill.mutate({ sessionId: id });
await client.close();
