// Owns which colours a program has changed (OSC 4, 10, 11, 12 and their resets 104, 110-112). The headless emulator keeps no colours, it
// only tells of changes; whoever wants them in a state must watch from the terminal's beginning.
import { COLOR_RESTORE, COLOR_SET, coreOf } from './xterm-internals.ts';
import type { ColorRequest, Core, ScreenTerminal } from './xterm-internals.ts';
import { BACKGROUND_COLOR, CURSOR_COLOR, FOREGROUND_COLOR } from './state.ts';
import type { PaletteEntry, Rgb } from './state.ts';

export interface PaletteWatch {
  /** Ascending by index; at most 259. */
  entries(): readonly PaletteEntry[];
  dispose(): void;
}

/** Also sees what restoreScreen sets. */
export function watchPalette(terminal: ScreenTerminal): PaletteWatch {
  const colors = new Map<number, Rgb>();
  const subscription = coreOf(terminal)._inputHandler.onColor((requests) => {
    for (const request of requests) apply(colors, request);
  });
  return {
    entries: () => [...colors].map(([index, rgb]) => ({ index, rgb })).sort((a, b) => a.index - b.index),
    dispose: () => subscription.dispose(),
  };
}

function apply(colors: Map<number, Rgb>, { type, index, color }: ColorRequest): void {
  if (type === COLOR_SET && index !== undefined && color) colors.set(index, [color[0], color[1], color[2]]);
  if (type !== COLOR_RESTORE) return;
  if (index !== undefined) colors.delete(index);
  else for (const known of [...colors.keys()]) if (known < FOREGROUND_COLOR) colors.delete(known);
}

/** Replaces whatever colours programs have set in this terminal. */
export function restorePalette(core: Core, entries: readonly PaletteEntry[]): void {
  const requests: ColorRequest[] = [];
  // In a page each request repaints all; a reused terminal mostly has nothing to reset.
  if (mayHaveChangedColors(core)) {
    requests.push({ type: COLOR_RESTORE });
    for (const index of [FOREGROUND_COLOR, BACKGROUND_COLOR, CURSOR_COLOR]) requests.push({ type: COLOR_RESTORE, index });
  }
  for (const { index, rgb } of entries) requests.push({ type: COLOR_SET, index, color: [rgb[0], rgb[1], rgb[2]] });
  if (requests.length > 0) core._inputHandler._onColor.fire(requests);
}

function mayHaveChangedColors(core: Core): boolean {
  const theme = core._themeService;
  if (!theme) return true;
  const [now, before] = [theme._colors, theme._restoreColors];
  if (now.foreground !== before.foreground || now.background !== before.background || now.cursor !== before.cursor) return true;
  return now.ansi.some((color, index) => color !== before.ansi[index]);
}
