// Owns the few icons of the page, as paths on a grid of 24.
import type { JSX } from 'solid-js';

function Icon(props: { readonly path: string }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={props.path} />
    </svg>
  );
}

export const BackIcon = (): JSX.Element => <Icon path="M15 5l-7 7 7 7" />;
export const CloseIcon = (): JSX.Element => <Icon path="M6 6l12 12M18 6L6 18" />;
export const PlusIcon = (): JSX.Element => <Icon path="M12 5v14M5 12h14" />;
export const DevicesIcon = (): JSX.Element => <Icon path="M4 17V6h15v3M2.5 17H12M14.5 11.5h6v9h-6zM17.5 18h.01" />;
export const StopIcon = (): JSX.Element => <Icon path="M12 4v8M7.5 6.8a7 7 0 1 0 9 0" />;
export const KeyboardIcon = (): JSX.Element => <Icon path="M3 7h18v10H3zM7 10.5h.01M11 10.5h.01M15 10.5h.01M18 10.5h-.01M8 13.8h8" />;
