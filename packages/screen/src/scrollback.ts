// Owns taking lines away from above the screen of a state, as dumpScreen does when it is asked for fewer. Must not know a terminal.
import type { LinkState, ScreenState } from './state.ts';

/** The same screen with at most `lines` lines above it. */
export function withScrollback(state: ScreenState, lines: number): ScreenState {
  const { normal } = state;
  const dropped = Math.max(0, normal.base - lines);
  if (dropped === 0) return state;
  return {
    ...state,
    normal: {
      ...normal,
      lines: normal.lines.slice(dropped),
      base: normal.base - dropped,
      savedY: Math.max(0, normal.savedY - dropped),
    },
    links: state.links.flatMap((link) => {
      const kept = link.lines
        .map(([place, line]) => [place, place === 'normal' ? line - dropped : line] as const)
        .filter(([, line]) => line >= 0);
      return isReachable(link.id, kept) ? [{ ...link, lines: kept }] : [];
    }),
  };
}

/** Without an id nothing but its cells leads to a link, and those of a reset buffer are gone. */
export function isReachable(id: string | null | undefined, lines: LinkState['lines']): boolean {
  return (id ?? null) === null ? lines.some(([place]) => place !== 'gone') : lines.length > 0;
}
