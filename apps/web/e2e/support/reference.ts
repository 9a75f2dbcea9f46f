// Owns the reference for "drawn right": the stored bytes of a session fed to a headless emulator of the page's size.
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import type { TestServer } from '../../../../testing/start-server.ts';

/** The visible rows after the session's first `toOffset` bytes. Good for programs that paint the whole screen at this size. */
export async function referenceRows(
  server: TestServer,
  sessionId: string,
  size: { cols: number; rows: number; toOffset: number },
): Promise<string[]> {
  const response = await server.api(`/api/sessions/${sessionId}/history?format=raw&to=${size.toOffset}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const terminal = new headless.Terminal({ cols: size.cols, rows: size.rows, allowProposedApi: true });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  await new Promise<void>((resolve) => {
    terminal.write(bytes, resolve);
  });
  const { active } = terminal.buffer;
  return Array.from(
    { length: size.rows },
    (_, row) =>
      active
        .getLine(active.baseY + row)
        ?.translateToString(true)
        .trimEnd() ?? '',
  );
}
