// The native binding of node-pty 1.2.0-beta.15 (src/unix/pty.cc), which its package does not declare.
declare module 'node-pty/lib/utils.js' {
  export interface NativePty {
    /** forkpty and exec. `args` without argv[0]; `env` as NAME=value; `utf8` sets IUTF8, so that the kernel erases whole characters. */
    fork(
      file: string,
      args: readonly string[],
      env: readonly string[],
      cwd: string,
      cols: number,
      rows: number,
      uid: number,
      gid: number,
      utf8: boolean,
      helperPath: string,
      onExit: (exitCode: number, signal: number) => void,
    ): { readonly fd: number; readonly pid: number; readonly pty: string };
    resize(fd: number, cols: number, rows: number, widthPixels: number, heightPixels: number): void;
  }
  /** `dir`: where the binding was found, relative to this file. */
  export function loadNativeModule(name: 'pty'): { readonly dir: string; readonly module: NativePty };
}
