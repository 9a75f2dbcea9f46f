// Owns this page's touches of xterm.js 6.0.0 behind its public API, each for a defect of that version. The version is pinned exactly;
// what belongs to screens is in @cotg/screen.
//
// 1. Styles: the renderer writes style elements and style attributes, which a content security policy without
//    'unsafe-inline' refuses. The same rules go through constructed style sheets and the CSSOM, which it allows.
// 2. Scrolling counts from where the viewport was in the last frame: behind lines that came since, it goes astray.
// oxlint-disable no-underscore-dangle -- their names, not ours.
import type { IDisposable, Terminal } from '@xterm/xterm';

interface Internals {
  readonly _core?: {
    readonly _bufferService?: { scrollLines?: (lines: number) => void };
    readonly _renderService?: { readonly _renderer?: { readonly value?: DomRendererInternals } };
  };
}

interface DomRendererInternals {
  readonly _rowFactory?: { _addStyle?: (element: HTMLElement, style: string) => void };
}

const rendererOf = (terminal: Terminal): DomRendererInternals | undefined =>
  (terminal as unknown as Internals)._core?._renderService?._renderer?.value;

/** `terminal.open(parent)` without inline styles. Dispose after the terminal. */
export function openUnderPolicy(terminal: Terminal, parent: HTMLElement): IDisposable {
  const { ownerDocument } = parent;
  const sheets: CSSStyleSheet[] = [];
  // The style elements are all made during `open`, one call that returns before anything else runs.
  ownerDocument.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const make = (tag: string): HTMLElement => Document.prototype.createElement.call(ownerDocument, tag, options);
    if (name !== 'style') return make(name);
    const standIn = make('div');
    sheets.push(writeToSheet(standIn));
    return standIn;
  };
  try {
    terminal.open(parent);
  } finally {
    Reflect.deleteProperty(ownerDocument, 'createElement');
  }
  ownerDocument.adoptedStyleSheets = [...ownerDocument.adoptedStyleSheets, ...sheets];

  const rowFactory = rendererOf(terminal)?._rowFactory;
  if (rowFactory?._addStyle) {
    rowFactory._addStyle = (element, style) => {
      element.style.cssText += style;
    };
  }
  return {
    dispose: () => {
      ownerDocument.adoptedStyleSheets = ownerDocument.adoptedStyleSheets.filter((sheet) => !sheets.includes(sheet));
    },
  };
}

/** Text given to this element becomes the rules of a sheet. It stands where a style element would: even an empty one is refused. */
function writeToSheet(element: HTMLElement): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  element.hidden = true;
  Object.defineProperty(element, 'textContent', {
    set: (rules: string) => {
      sheet.replaceSync(rules);
    },
  });
  return sheet;
}

/** `terminal.scrollLines` in the turn in which the lines were replaced; no frame shows another place. */
export function scrollAtOnce(terminal: Terminal, lines: number): void {
  const buffers = (terminal as unknown as Internals)._core?._bufferService;
  if (buffers?.scrollLines) buffers.scrollLines(lines);
  else terminal.scrollLines(lines);
}
