// Owns the height of the app while a soft keyboard is up. `interactive-widget=resizes-content` does it where it is known;
// elsewhere (iOS) only the visual viewport tells, and it may lie for a frame: it is read in the frame after the event.

/** Keeps the style variable --app-height of `root` equal to what can be seen, until the returned function is called. */
export function trackViewport(root: HTMLElement): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const viewport = window.visualViewport;
  let frame = 0;

  const read = (): void => {
    // A page zoomed by the person sees less, but is not smaller.
    const height = viewport ? viewport.height * viewport.scale : window.innerHeight;
    root.style.setProperty('--app-height', `${Math.round(height)}px`);
    // iOS scrolls the page under the keyboard and leaves it there.
    if (window.scrollY !== 0) window.scrollTo(0, 0);
  };
  const later = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(read);
  };
  viewport?.addEventListener('resize', later, { signal });
  for (const event of ['resize', 'orientationchange', 'pageshow', 'focusin', 'focusout']) window.addEventListener(event, later, { signal });
  read();
  return () => {
    ending.abort();
    cancelAnimationFrame(frame);
    root.style.removeProperty('--app-height');
  };
}
