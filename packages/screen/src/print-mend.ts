// Owns one defect of xterm.js 6.0.0: what it tidies up about half overwritten wide characters it does at the ends of a run of text, and a
// write ends a run. Without automatic wrap (DECAWM off) a wide character that does not fit leaves the cursor inside the one before it, and
// then it matters where a run ends: the screen depends on how the network cut the output, and two emulators of one session come apart.
//
// The mend: without automatic wrap, every character is a run. Marks are held to their limit on the way (marks.ts). Must be installed in every emulator, on both ends alike. May go when
// InputHandler.print of xterm.js is mended.
import { withBoundMarks } from './marks.ts';
import { coreOf } from './xterm-internals.ts';
import type { Disposable, ScreenTerminal } from './xterm-internals.ts';

export function mendPrint(terminal: ScreenTerminal): Disposable {
  const core = coreOf(terminal);
  const { coreService, _inputHandler: input } = core;
  const print = withBoundMarks(core, (codes, start, end) => input.print(codes, start, end));
  input._parser.setPrintHandler((codes, start, end) => {
    if (coreService.decPrivateModes.wraparound) print(codes, start, end);
    else for (let at = start; at < end; at += 1) print(codes, at, at + 1);
  });
  return { dispose: () => input._parser.setPrintHandler((codes, start, end) => input.print(codes, start, end)) };
}
