import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const MIB = 1024 * 1024;

async function create(server: TestServer, script: string, more: object = {}): Promise<string> {
  const response = await server.api('/api/sessions', {
    method: 'POST',
    body: JSON.stringify({ command: ['bash', '-c', script], ...more }),
  });
  return ((await response.json()) as Session).id;
}

async function ended(server: TestServer, id: string): Promise<Session> {
  const look = async (): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  return eventually(look, (session) => !session.alive, { what: 'the program has ended', timeoutMs: 60_000 });
}

const history = (server: TestServer, id: string, query: string): Promise<Response> => server.api(`/api/sessions/${id}/history?${query}`);
const read = async (server: TestServer, id: string, query: string): Promise<string> => (await history(server, id, query)).text();

/** What a shell prints, paints over, wraps, and leaves to a full-screen program. */
const SCRIPT = String.raw`
printf 'first line\n\n\033[1;31mred <b>bold</b> & "more"\033[0m plain\n'
for i in 1 2 3 4 5; do printf '\rworking %s of 5' $i; done; printf '\rdone          \n'
printf 'a line that is longer than forty columns and therefore wraps once or twice, 日本語 included\n'
printf 'before vim\n\033[?1049h\033[Hinside the full screen\033[?1049lafter vim\n'
for i in $(seq 1 100); do echo "line $i"; done
printf 'last'`;

test('F58: text is what a person would have read; ansi keeps the colours, html is one page that cannot act, in every format the same lines', async () => {
  await using server = await startTestServer();
  const id = await create(server, SCRIPT, { cols: 40, rows: 10 });
  await ended(server, id);
  const text = await read(server, id, 'format=text');
  const lines = text.split('\n');
  expect(lines.slice(0, 8)).toEqual([
    'first line',
    '',
    'red <b>bold</b> & "more" plain',
    'done',
    'a line that is longer than forty columns and therefore wraps once or twice, 日本語 included',
    'before vim',
    '[a full-screen program drew here]',
    'after vim',
  ]);
  expect(lines.slice(8)).toEqual([...Array.from({ length: 100 }, (_, n) => `line ${n + 1}`), 'last', '']);
  const ansi = await read(server, id, 'format=ansi');
  expect(ansi).toContain('\u001b[1;31mred <b>bold</b> & "more"\u001b[0m plain');
  const bare = ansi.split('\u001b').map((part, at) => (at === 0 ? part : part.replace(/^\[[\d;:]*m/, '')));
  expect(bare.join('')).toBe(text);
  const html = await read(server, id, 'format=html');
  expect(html).toContain('red &lt;b&gt;bold&lt;/b&gt; &amp; &quot;more&quot;</span> plain');
  expect(html).toMatch(/<span style="color:#cc0000;font-weight:bold">/);
  expect(html.match(/<(?!\/?(?:html|head|meta|title|style|body|pre|span|i)\b)(?!!doctype)[^>]*>/g)).toBeNull();
  expect(html).not.toMatch(/\bon\w+=|javascript:|url\(|https?:/);
}, 60_000);

test('F58: a recording is asciicast v2: its size, output with the time it came at, resizes and markers; characters are never torn', async () => {
  await using server = await startTestServer();
  const id = await create(
    server,
    String.raw`printf 'one 日本\n'; sleep 0.6; printf '\033[?1049hfull\033[?1049l'; sleep 0.6; printf 'three €\n'`,
    { cols: 44, rows: 12 },
  );
  const session = await ended(server, id);
  const cast = (await read(server, id, 'format=cast'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  const [head, ...events] = cast as [Record<string, unknown>, ...[number, string, string][]];
  expect(head).toMatchObject({ version: 2, width: 44, height: 12, timestamp: Math.floor(Date.parse(session.createdAt) / 1000) });
  for (const [at, code, data] of events) {
    expect(at).toBeGreaterThanOrEqual(0);
    expect(['o', 'r', 'm']).toContain(code);
    expect(data).not.toContain('\uFFFD');
  }
  expect(events.map(([at]) => at)).toEqual(events.map(([at]) => at).toSorted((a, b) => a - b));
  const output = events.filter(([, code]) => code === 'o');
  expect(output.map(([, , data]) => data).join('')).toBe(
    Buffer.from(await (await history(server, id, 'format=raw')).arrayBuffer()).toString(),
  );
  const three = output.find(([, , data]) => data.includes('three'))?.[0] ?? 0;
  expect(three).toBeGreaterThan(0.9);
  expect(events.filter(([, code]) => code === 'r')).toEqual([[0, 'r', '44x12']]);
  expect(events.filter(([, code]) => code === 'm').map(([, , data]) => data)).toEqual(['full-screen program', 'back to the shell']);
  // Any cut of it, in the middle of characters too, is a recording again.
  for (let from = 0; from < session.endOffset; from += 3) {
    const part = (await read(server, id, `format=cast&from=${from}&to=${from + 7}`)).trimEnd().split('\n');
    for (const line of part) expect(() => JSON.parse(line)).not.toThrow();
  }
}, 60_000);

test('F58: any offset has a defined answer, and the headers say where it really begins', async () => {
  await using server = await startTestServer();
  const id = await create(server, `seq -f 'line %.0f of a history that is longer than its limit' 80000`, { maxHistoryBytes: MIB });
  await ended(server, id);
  const session = await eventually(
    async () => (await (await server.api(`/api/sessions/${id}`)).json()) as Session,
    ({ firstOffset, endOffset }) => firstOffset > 0 && endOffset - firstOffset <= MIB,
    { what: 'it is trimmed' },
  );
  const { firstOffset, endOffset } = session;
  const whole = Buffer.from(await (await history(server, id, 'format=raw')).arrayBuffer());
  expect(whole.length).toBe(endOffset - firstOffset);
  const answers: [string, number, string | null][] = [
    ['from=0', whole.length, String(firstOffset)],
    [`from=${firstOffset - 1}`, whole.length, String(firstOffset)],
    [`from=${firstOffset}`, whole.length, null],
    [`from=${firstOffset + 7}&to=${firstOffset + 17}`, 10, null],
    [`from=${firstOffset + 5}&to=${firstOffset + 5}`, 0, null],
    [`from=${endOffset - 1}`, 1, null],
    [`from=${endOffset}`, 0, null],
    [`from=${endOffset + 1000}`, 0, null],
    [`from=${Number.MAX_SAFE_INTEGER}`, 0, null],
    [`from=0&to=5`, 0, String(firstOffset)],
  ];
  for (const [query, length, gapUntil] of answers) {
    const response = await history(server, id, `format=raw&${query}`);
    expect([query, response.status]).toEqual([query, 200]);
    expect(response.headers.get('x-first-offset')).toBe(String(firstOffset));
    expect(response.headers.get('x-end-offset')).toBe(String(endOffset));
    expect(response.headers.get('x-gap-until'), query).toBe(gapUntil);
    expect((await response.arrayBuffer()).byteLength, query).toBe(length);
    for (const format of ['text', 'ansi', 'html', 'cast'])
      expect((await history(server, id, `format=${format}&${query}`)).status).toBe(200);
  }
  for (const query of ['from=-1', 'from=9007199254740992', 'from=x', 'from=1.5', 'to=-1', 'from=10&to=5', 'format=doc']) {
    expect([query, (await history(server, id, query)).status]).toEqual([query, 400]);
  }
  // The first kept byte is inside a line: the terminal as it was there shows the whole line.
  const text = (await read(server, id, 'format=text')).split('\n');
  expect(text[0]).toBe(`[history before offset ${firstOffset} is no longer kept]`);
  const numbers = text.slice(1, -1).map((line) => Number(/^line (\d+) of a history that is longer than its limit$/.exec(line)?.[1]));
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, at) => 80_000 - numbers.length + 1 + at));
}, 60_000);
