// Owns what the device says about itself (colours, motion) as a signal.
import { createSignal, onCleanup } from 'solid-js';
import type { Accessor } from 'solid-js';

/** Lives as long as the component that makes it. */
export function createMediaQuery(query: string): Accessor<boolean> {
  const list = window.matchMedia(query);
  const [matches, setMatches] = createSignal(list.matches);
  const onChange = (): void => {
    setMatches(list.matches);
  };
  list.addEventListener('change', onChange);
  onCleanup(() => list.removeEventListener('change', onChange));
  return matches;
}
