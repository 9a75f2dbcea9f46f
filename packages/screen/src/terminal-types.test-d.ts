// Both Terminals are terminals to this package: what must compile.
import type { Terminal as Headless } from '@xterm/headless';
import type { Terminal as Browser } from '@xterm/xterm';
import type { ScreenTerminal } from './xterm-internals.ts';

type IsTerminal<T extends ScreenTerminal> = T;
export type Both = [IsTerminal<Headless>, IsTerminal<Browser>];
