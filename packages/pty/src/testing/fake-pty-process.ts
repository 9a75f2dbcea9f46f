// Owns a child that a unit test plays: what it prints, reads and how it ends is up to the test.
import type { PtyExit, PtyProcess, PtySpawnRequest, SpawnPty } from '../host/pty-process.ts';

export class FakePtyProcess implements PtyProcess {
  readonly pid: number;
  readonly request: PtySpawnRequest;
  /** All that was written to the terminal. */
  typed = Buffer.alloc(0);
  /** Bytes the terminal takes before it is full; the test raises it as its program "reads". */
  room = Infinity;
  paused = false;
  size: { readonly cols: number; readonly rows: number };
  hangUps = 0;
  kills = 0;
  /** Other processes of its session. */
  jobs: number[] = [];

  constructor(request: PtySpawnRequest, pid: number) {
    this.request = request;
    this.pid = pid;
    this.size = { cols: request.cols, rows: request.rows };
  }

  print(text: string | Uint8Array): void {
    this.request.onOutput(Buffer.from(text));
  }

  exit(exit: Partial<PtyExit> = {}): void {
    this.request.onExit({ exitCode: exit.signal ? null : 0, signal: null, ...exit });
  }

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    this.room -= taken;
    this.typed = Buffer.concat([this.typed, bytes.subarray(0, taken)]);
    return taken;
  }

  resize(cols: number, rows: number): void {
    this.size = { cols, rows };
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  hangUp(): void {
    this.hangUps += 1;
  }

  companions(): readonly number[] {
    return this.jobs;
  }

  killAll(): void {
    this.kills += 1;
    this.jobs = [];
  }
}

/** A spawner and what it spawned, in order. Pids are ones that no real process has. */
export function makeFakePtys(): { readonly spawn: SpawnPty; readonly spawned: FakePtyProcess[] } {
  const spawned: FakePtyProcess[] = [];
  const spawn: SpawnPty = (request) => {
    const child = new FakePtyProcess(request, 2 ** 30 + spawned.length);
    spawned.push(child);
    return child;
  };
  return { spawn, spawned };
}
