// Owns the font of terminals and the room that one takes on this glass, known before the emulator is loaded.
import { fitGrid } from './fit.ts';
import type { Size } from './fit.ts';

export const FONT_PX = 13;
export const FONT_FAMILY = 'ui-monospace, "JetBrains Mono", "Roboto Mono", Menlo, "DejaVu Sans Mono", Consolas, monospace';
export const LINE_HEIGHT = 1.15;
/** Header and key bar of the session page (styles/session.css). */
const CHROME_HEIGHT_PX = 48 + 52;
/** A long text makes the error of one measurement small. */
const SAMPLE_CHARS = 32;

/** The grid that a terminal opened now would have, so that a program starts at its size. */
export function estimateGrid(): Size {
  const sample = document.createElement('span');
  sample.textContent = 'W'.repeat(SAMPLE_CHARS);
  Object.assign(sample.style, {
    fontFamily: FONT_FAMILY,
    fontSize: `${FONT_PX}px`,
    position: 'absolute',
    visibility: 'hidden',
    whiteSpace: 'pre',
    lineHeight: 'normal',
  });
  document.body.append(sample);
  const { width, height } = sample.getBoundingClientRect();
  sample.remove();
  return fitGrid(
    { width: document.documentElement.clientWidth, height: window.innerHeight - CHROME_HEIGHT_PX },
    { width: width / SAMPLE_CHARS, height: height * LINE_HEIGHT },
  );
}
