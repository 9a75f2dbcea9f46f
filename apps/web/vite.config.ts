// Owns how the web app becomes static files in dist/. Nothing inline and no data: URLs: the server's content security
// policy allows files of its own only.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';

const solidDom = fileURLToPath(new URL('src/ui/solid-dom.ts', import.meta.url));

export default defineConfig({
  plugins: [solid({ solid: { moduleName: solidDom } })],
  // Workspace packages as sources: the build needs no other build first.
  resolve: { conditions: ['@cotg/source', 'module', 'browser', 'production'] },
  build: {
    // Browsers of 2023 on: constructed style sheets, dialog, dynamic viewport units.
    target: ['chrome111', 'firefox115', 'safari16.4'],
    assetsInlineLimit: 0,
    sourcemap: true,
    reportCompressedSize: true,
  },
});
