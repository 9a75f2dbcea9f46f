// Owns Ctrl as a phone has it: for the next key, or held until tapped again. It applies to keys of the bar and of the
// soft keyboard alike, and never ends by itself.
import { createSignal } from 'solid-js';
import type { Accessor } from 'solid-js';
import { withCtrl } from './keys.ts';

/** A second tap within this holds the key. */
const LOCK_TAP_MS = 600;

export type ModifierState = 'off' | 'once' | 'locked';

export interface Modifiers {
  readonly ctrl: Accessor<ModifierState>;
  tapCtrl(): void;
  /** The bytes of a typed text with what is held; a one-shot is used up by a single character. */
  apply(text: string): string;
  /** Whether Ctrl is held for a key of the bar; uses up a one-shot. */
  take(): boolean;
}

export function createModifiers(now: () => number = () => performance.now()): Modifiers {
  const [ctrl, setCtrl] = createSignal<ModifierState>('off');
  let tappedAt = Number.NEGATIVE_INFINITY;

  const take = (): boolean => {
    const held = ctrl() !== 'off';
    if (ctrl() === 'once') setCtrl('off');
    return held;
  };
  return {
    ctrl,
    tapCtrl: () => {
      const isSecond = now() - tappedAt <= LOCK_TAP_MS;
      tappedAt = now();
      setCtrl((state) => (state === 'off' ? 'once' : state === 'once' && isSecond ? 'locked' : 'off'));
    },
    apply: (text) => (Array.from(text).length === 1 && take() ? withCtrl(text) : text),
    take,
  };
}
