// The baseline of every figure: one node-pty per WebSocket, bytes passed on as they come. No journal, no resume, no limits.
// Started as its own process; prints its port.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { spawn } from 'node-pty';
import type { IPty } from 'node-pty';
import { WebSocketServer } from 'ws';

const server = createServer();
const wss = new WebSocketServer({ server });
const idle: IPty[] = [];

wss.on('connection', (socket, request) => {
  const command = JSON.parse(decodeURIComponent((request.url ?? '/').slice(1))) as string[];
  const [file = 'true', ...args] = command;
  const start = (): IPty => spawn(file, args, { cols: 80, rows: 24, encoding: null });
  if (file === 'idle') {
    for (let n = 0; n < Number(args[0]); n += 1) idle.push(spawn('sleep', ['1000'], { cols: 80, rows: 24, encoding: null }));
    socket.send('done');
    return;
  }
  const pty = start();
  pty.onData((data) => socket.send(data));
  pty.onExit(() => socket.close());
  socket.on('message', (data) => pty.write((data as Buffer).toString()));
  socket.on('close', () => pty.kill());
});

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => {
  for (const pty of idle) pty.kill();
  process.exit(0);
});
