// What the bundler adds to the language: imports of style sheets, and of single values of JSON files.
/// <reference types="vite/client" />
declare module '@xterm/xterm/package.json' {
  export const version: string;
}
