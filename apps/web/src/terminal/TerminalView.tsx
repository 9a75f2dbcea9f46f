// Owns the terminal's place on the glass: how large its cells are, which part of it is seen, fingers and pastes on it.
// Must not know sessions or connections: bytes and sizes come and go through props.
import { createEffect, createSignal, onCleanup, onMount, Show, untrack } from 'solid-js';
import type { JSX } from 'solid-js';
import { preparePaste } from '@cotg/api/client';
import { createMediaQuery } from '../ui/media-query.ts';
import type { TerminalHandle } from './create-terminal.ts';
import { fitGrid, fontForColumns, slideForCursor } from './fit.ts';
import type { Box, Size } from './fit.ts';
import { FONT_PX } from './font.ts';
import { DARK_THEME, LIGHT_THEME } from './themes.ts';
import { watchTouchScroll } from './touch-scroll.ts';

export interface TerminalViewProps {
  readonly terminal: TerminalHandle;
  /** The true grid, as the stream says it. */
  readonly grid: Size | undefined;
  /** This page sets the size: its own grid is never drawn smaller than readable. */
  readonly isController: boolean;
  readonly sessionId: string;
  readonly viewerId: string | undefined;
  readonly state: string;
  readonly offset: number;
  readonly holes: number;
  /** Shown as a ring around the terminal each time it grows. */
  readonly bells: number;
  /** Once, when the terminal is drawn and its grid is known. */
  readonly onReady: (fits: Size) => void;
  /** The grid that fits, whenever the room changes. */
  readonly onFits: (fits: Size) => void;
  readonly onText: (text: string) => void;
}

/** What tests and support tools may read of a terminal element: the renderer draws only the visible rows into the page. */
interface ReadableTerminal {
  cotgLines?: () => string[];
}

export function TerminalView(props: TerminalViewProps): JSX.Element {
  let stage!: HTMLDivElement;
  let sheet!: HTMLDivElement;
  const { terminal } = untrack(() => ({ terminal: props.terminal }));
  const { xterm } = terminal;
  const [room, setRoom] = createSignal<Box>();
  const isLight = createMediaQuery('(prefers-color-scheme: light)');
  let rowHeight = 0;
  let slidBy = 0;

  const screenBox = (): Box => {
    const screen = xterm.element?.querySelector('.xterm-screen');
    return screen ? { width: screen.clientWidth, height: screen.clientHeight } : { width: 0, height: 0 };
  };
  /** A cell at the normal font size, from the cells that are drawn now. */
  const cellBox = (): Box => {
    const { width, height } = screenBox();
    const scale = FONT_PX / (xterm.options.fontSize ?? FONT_PX);
    return { width: (width / xterm.cols) * scale, height: (height / xterm.rows) * scale };
  };

  /** Called with every frame that is drawn: it must not make the browser lay out again. */
  const slide = (): void => {
    const by = slideForCursor(
      { height: rowHeight * xterm.rows, rowHeight },
      untrack(room)?.height ?? 0,
      rowHeight * xterm.buffer.active.cursorY,
    );
    if (by === slidBy) return;
    slidBy = by;
    sheet.style.transform = by === 0 ? '' : `translateY(-${by}px)`;
  };

  const layOut = (): void => {
    const current = room();
    if (!current) return;
    const { grid, isController } = props;
    const cell = cellBox();
    const font = grid && !isController ? fontForColumns(grid.cols, current, cell.width, FONT_PX) : FONT_PX;
    if (xterm.options.fontSize !== font) xterm.options.fontSize = font;
    rowHeight = screenBox().height / xterm.rows;
    props.onFits(fitGrid(current, cell));
    slide();
  };

  onMount(() => {
    terminal.open(sheet);
    (stage as ReadableTerminal).cotgLines = () => terminal.lines();

    const readRoom = (): void => {
      const { clientWidth: width, clientHeight: height } = stage;
      // Hidden for a moment (a page being restored): the last room counts.
      if (width > 0 && height > 0) setRoom({ width, height });
    };
    const observer = new ResizeObserver(readRoom);
    observer.observe(stage);
    const moved = [xterm.onRender(slide), xterm.onResize(slide)];

    createEffect(() => {
      xterm.options.theme = isLight() ? LIGHT_THEME : DARK_THEME;
    });
    const reducedMotion = window.matchMedia('(prefers-reduced-motion: reduce)');

    const stopTouch = watchTouchScroll({
      surface: stage,
      terminal: xterm,
      typeKeys: (bytes) => props.onText(bytes),
      glides: () => !reducedMotion.matches,
    });
    // Before the emulator: its own paste keeps end markers inside the text.
    const onPaste = (event: ClipboardEvent): void => {
      event.preventDefault();
      event.stopPropagation();
      const text = event.clipboardData?.getData('text/plain') ?? '';
      if (text !== '') props.onText(preparePaste(text, xterm.modes.bracketedPasteMode));
    };
    stage.addEventListener('paste', onPaste, { capture: true });

    onCleanup(() => {
      observer.disconnect();
      for (const listener of moved) listener.dispose();
      stopTouch();
      stage.removeEventListener('paste', onPaste, { capture: true });
    });

    readRoom();
    const current = room();
    if (current) props.onReady(fitGrid(current, cellBox()));
    createEffect(layOut);
  });

  return (
    <div
      ref={stage}
      class="stage"
      data-testid="terminal"
      data-session={props.sessionId}
      data-state={props.state}
      data-offset={props.offset}
      data-viewer={props.viewerId}
      data-controller={props.isController}
      data-cols={props.grid?.cols}
      data-rows={props.grid?.rows}
      data-holes={props.holes}
    >
      <div ref={sheet} class="terminal-sheet" />
      {/* Keyed: a new element each time, whose animation begins anew. */}
      <Show keyed when={props.bells}>
        {(bells) => <div class="bell" data-testid="bell" data-bells={bells} aria-hidden="true" />}
      </Show>
    </div>
  );
}
