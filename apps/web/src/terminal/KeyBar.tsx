// Owns the keys that a phone's keyboard lacks. Pressing one never moves the focus: the soft keyboard stays as it is.
import { For, onCleanup } from 'solid-js';
import type { JSX } from 'solid-js';
import type { BarKey } from './keys.ts';
import type { Modifiers } from './modifiers.ts';

/** Arrows repeat while held: after this pause … */
const REPEAT_AFTER_MS = 350;
/** … this often. */
const REPEAT_EVERY_MS = 80;
const VIBRATION_MS = 8;

interface KeyFace {
  readonly key: BarKey | 'ctrl';
  readonly label: string;
  readonly name: string;
  readonly repeats?: boolean;
}

const KEYS: readonly KeyFace[] = [
  { key: 'escape', label: 'Esc', name: 'Escape' },
  { key: 'tab', label: 'Tab', name: 'Tab' },
  { key: 'ctrl', label: 'Ctrl', name: 'Control' },
  { key: 'interrupt', label: '^C', name: 'Control C' },
  { key: 'left', label: '←', name: 'Left', repeats: true },
  { key: 'up', label: '↑', name: 'Up', repeats: true },
  { key: 'down', label: '↓', name: 'Down', repeats: true },
  { key: 'right', label: '→', name: 'Right', repeats: true },
  { key: 'enter', label: '↵', name: 'Enter' },
];

export interface KeyBarProps {
  readonly modifiers: Modifiers;
  readonly onKey: (key: BarKey) => void;
}

export function KeyBar(props: KeyBarProps): JSX.Element {
  return (
    <div class="key-bar" role="toolbar" aria-label="Keys" data-testid="key-bar">
      <For each={KEYS}>
        {(face) => (
          <Key
            face={face}
            isPressed={face.key === 'ctrl' ? props.modifiers.ctrl() !== 'off' : undefined}
            isLocked={face.key === 'ctrl' && props.modifiers.ctrl() === 'locked'}
            onPress={() => {
              if (face.key === 'ctrl') props.modifiers.tapCtrl();
              else props.onKey(face.key);
            }}
          />
        )}
      </For>
    </div>
  );
}

interface KeyProps {
  readonly face: KeyFace;
  readonly isPressed: boolean | undefined;
  readonly isLocked: boolean;
  readonly onPress: () => void;
}

function Key(props: KeyProps): JSX.Element {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let hasRepeated = false;
  const stop = (): void => clearTimeout(timer);
  onCleanup(stop);

  const press = (): void => {
    // Refused without a word where there is no motor or no permission.
    navigator.vibrate?.(VIBRATION_MS);
    props.onPress();
  };
  const repeat = (): void => {
    hasRepeated = true;
    press();
    timer = setTimeout(repeat, REPEAT_EVERY_MS);
  };

  return (
    <button
      type="button"
      class="key"
      classList={{ locked: props.isLocked }}
      tabIndex={-1}
      aria-label={props.face.name}
      aria-pressed={props.isPressed}
      data-testid={`key-${props.face.key}`}
      onPointerDown={(event) => {
        event.preventDefault();
        stop();
        hasRepeated = false;
        if (props.face.repeats === true && event.button === 0) timer = setTimeout(repeat, REPEAT_AFTER_MS);
      }}
      onMouseDown={(event) => event.preventDefault()}
      onPointerUp={stop}
      onPointerCancel={stop}
      onPointerLeave={stop}
      onContextMenu={(event) => event.preventDefault()}
      onClick={() => {
        // The end of a hold is no further press.
        if (!hasRepeated) press();
        hasRepeated = false;
      }}
    >
      <span class="key-cap">{props.face.label}</span>
    </button>
  );
}
