// What the bundler adds to the language: imports of style sheets.
/// <reference types="vite/client" />
