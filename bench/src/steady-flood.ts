// Owns a program that prints so many bytes a second, each line with the key that was pressed last: what is typed can be seen on any later screen.
const bytesPerSecond = Number(process.argv[2]);
const TICK_MS = 10;
let [key, line, sent] = ['none', 0, 0];
process.stdin.on('data', (bytes: Buffer) => {
  key = bytes.toString('utf8').at(-1) ?? key;
});
const since = performance.now();
setInterval(() => {
  let text = '';
  while (sent + text.length < ((performance.now() - since) * bytesPerSecond) / 1000) {
    line += 1;
    text += `${line} of a steady flood of lines ${(line * 7919) % 104_729} key=${key}\n`;
  }
  sent += text.length;
  process.stdout.write(text);
}, TICK_MS);
