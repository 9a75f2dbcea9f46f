// Owns scrolling by one finger: xterm.js 6.0.0 knows none (xtermjs/xterm.js#5489). Where the movement goes depends on the program:
// - normal screen: our own scrollback;
// - a program that takes the mouse: turns of a wheel, encoded by the emulator;
// - full screen without the mouse: Page Up and Page Down. Arrow keys would walk through the prompt's history.
import type { Terminal } from '@xterm/xterm';

/** A finger that moved less has tapped. */
const SLOP_PX = 10;
/** Strips in which the system's own Back gesture begins. */
const EDGE_PX = 24;
/** One turn of the wheel each this far at least: programs scroll several lines a turn. */
const WHEEL_STEP_PX = 33;
/** One page each quarter of the screen, at least this far. */
const PAGE_STEP_MIN_PX = 96;
const MAX_TURNS_PER_MOVE = 10;
/** The glide after a flick loses its speed with this time constant. */
const GLIDE_MS = 325;
const GLIDE_END_PX_PER_MS = 0.02;
/** Speed is that of the finger's last moments. */
const SPEED_WINDOW_MS = 80;

export type ScrollMode = 'scrollback' | 'wheel' | 'pages';

export function scrollModeOf(terminal: Terminal): ScrollMode {
  if (terminal.modes.mouseTrackingMode !== 'none' && terminal.modes.mouseTrackingMode !== 'x10') return 'wheel';
  return terminal.buffer.active.type === 'alternate' ? 'pages' : 'scrollback';
}

/** Turns travelled pixels into whole steps and keeps the rest. */
export class StepCounter {
  #rest = 0;

  take(px: number, stepPx: number): number {
    this.#rest += px;
    const steps = Math.trunc(this.#rest / stepPx);
    this.#rest -= steps * stepPx;
    return steps;
  }

  clear(): void {
    this.#rest = 0;
  }
}

export interface TouchScrollOptions {
  readonly surface: HTMLElement;
  readonly terminal: Terminal;
  readonly typeKeys: (bytes: string) => void;
  readonly glides: () => boolean;
}

/** Until the returned function is called. */
export function watchTouchScroll({ surface, terminal, typeKeys, glides }: TouchScrollOptions): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const counter = new StepCounter();
  let finger: { id: number; startY: number; y: number; isScrolling: boolean; x: number } | undefined;
  let trail: { at: number; y: number }[] = [];
  let glideFrame = 0;

  const cellHeight = (): number => {
    const screen = terminal.element?.querySelector('.xterm-screen');
    return screen ? screen.getBoundingClientRect().height / terminal.rows : WHEEL_STEP_PX;
  };

  /** `px` > 0: the finger moved down, towards older text. */
  const scroll = (px: number, at: { x: number; y: number }): void => {
    const cell = cellHeight();
    switch (scrollModeOf(terminal)) {
      case 'scrollback':
        terminal.scrollLines(-counter.take(px, cell));
        return;
      case 'wheel': {
        const turns = counter.take(px, Math.max(cell, WHEEL_STEP_PX));
        turnWheel(Math.max(-MAX_TURNS_PER_MOVE, Math.min(MAX_TURNS_PER_MOVE, turns)), at);
        return;
      }
      case 'pages': {
        const pages = counter.take(px, Math.max(PAGE_STEP_MIN_PX, surface.clientHeight / 4));
        typeKeys((pages > 0 ? '\u001b[5~' : '\u001b[6~').repeat(Math.abs(pages)));
      }
    }
  };
  const turnWheel = (turns: number, at: { x: number; y: number }): void => {
    const screen = terminal.element?.querySelector('.xterm-screen');
    for (let i = 0; i < Math.abs(turns); i += 1) {
      // In lines: pixels below 50 count as a trackpad's and would be taken at a third.
      const turn = { deltaMode: WheelEvent.DOM_DELTA_LINE, deltaY: -Math.sign(turns), clientX: at.x, clientY: at.y };
      screen?.dispatchEvent(new WheelEvent('wheel', { ...turn, bubbles: true, cancelable: true }));
    }
  };

  const glide = (speed: number): void => {
    let [current, last] = [speed, performance.now()];
    const step = (now: number): void => {
      const ms = now - last;
      last = now;
      current *= Math.exp(-ms / GLIDE_MS);
      if (Math.abs(current) < GLIDE_END_PX_PER_MS || scrollModeOf(terminal) !== 'scrollback') return;
      scroll(current * ms, { x: 0, y: 0 });
      glideFrame = requestAnimationFrame(step);
    };
    glideFrame = requestAnimationFrame(step);
  };

  surface.addEventListener(
    'pointerdown',
    (event) => {
      cancelAnimationFrame(glideFrame);
      if (event.pointerType !== 'touch' || !event.isPrimary) return;
      if (event.clientX < EDGE_PX || event.clientX > window.innerWidth - EDGE_PX) return;
      finger = { id: event.pointerId, startY: event.clientY, y: event.clientY, x: event.clientX, isScrolling: false };
      trail = [];
      counter.clear();
    },
    { signal },
  );
  surface.addEventListener(
    'pointermove',
    (event) => {
      if (finger?.id !== event.pointerId) return;
      if (!finger.isScrolling) {
        if (Math.abs(event.clientY - finger.startY) < SLOP_PX) return;
        finger.isScrolling = true;
        surface.setPointerCapture(event.pointerId);
      }
      trail = [...trail.filter(({ at }) => at > event.timeStamp - SPEED_WINDOW_MS), { at: event.timeStamp, y: event.clientY }];
      scroll(event.clientY - finger.y, { x: finger.x, y: finger.startY });
      finger.y = event.clientY;
    },
    { signal },
  );
  const lift = (event: PointerEvent): void => {
    if (finger?.id !== event.pointerId) return;
    const wasScrolling = finger.isScrolling;
    finger = undefined;
    const [first, last] = [trail[0], trail.at(-1)];
    if (!wasScrolling || event.type !== 'pointerup' || !first || !last || last.at === first.at || !glides()) return;
    if (event.timeStamp - last.at > SPEED_WINDOW_MS) return;
    glide((last.y - first.y) / (last.at - first.at));
  };
  surface.addEventListener('pointerup', lift, { signal });
  surface.addEventListener('pointercancel', lift, { signal });

  return () => {
    ending.abort();
    cancelAnimationFrame(glideFrame);
  };
}
