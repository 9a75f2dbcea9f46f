// Owns what the page has painted, frame by frame: whether a screen came at once, whole, and without a blank between.
import type { Page } from '@playwright/test';

/** A frame that shows something else than the one before it. */
export interface Frame {
  /** Milliseconds from the beginning of the navigation to this frame. */
  readonly at: number;
  /** Up to which the rows show the stream. */
  readonly offset: number;
  readonly rows: readonly string[];
}

interface Recording {
  cotgFrames?: Frame[];
}

/** From the next navigation on, from before its first script. */
export async function recordFrames(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const frames: Frame[] = [];
    (window as Recording).cotgFrames = frames;
    let last: string | undefined;
    const look = (): void => {
      const rows = [...document.querySelectorAll('.xterm-rows > div')].map((row) =>
        (row.textContent ?? '').replaceAll('\u00a0', ' ').trimEnd(),
      );
      const text = rows.join('\n');
      if (text === last) return;
      last = text;
      const offset = Number(document.querySelector<HTMLElement>('[data-testid=terminal]')?.dataset['offset'] ?? 0);
      frames.push({ at: performance.now(), offset, rows });
    };
    // Sizes are observed between the animation callbacks of a frame and its paint: what is seen then is what is painted.
    const probe = document.createElement('div');
    probe.hidden = false;
    probe.style.position = 'fixed';
    probe.style.height = '1px';
    let width = 0;
    new ResizeObserver(look).observe(probe);
    const tick = (): void => {
      if (!probe.isConnected) document.body?.append(probe);
      width = 1 - width;
      probe.style.width = `${width}px`;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
}

/** Since the last navigation. */
export async function framesOf(page: Page): Promise<readonly Frame[]> {
  return page.evaluate(() => (window as Recording).cotgFrames ?? []);
}

export function isBlank({ rows }: Frame): boolean {
  return rows.every((row) => row === '');
}
