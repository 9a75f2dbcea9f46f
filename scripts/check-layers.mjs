// `pnpm check:layers [ROOT]`: reads every import of the workspace and says which ones cross a fence (scripts/layers/rooms.mjs has the table).
// Invariant: exit 0 only after modules were read and none broke a rule; a run that saw nothing has proved nothing and fails.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge } from './layers/rules.mjs';
import { readWorkspace } from './layers/workspace.mjs';

const root = resolve(process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url))));
const workspace = readWorkspace(root);
if (workspace.files.length === 0) {
  console.error(`layers: no modules found under ${root}, so nothing was checked`);
  process.exit(1);
}
const breaches = judge(workspace);
for (const { rule, file, line, message } of breaches) console.error(`${file}:${line}  [${rule}]  ${message}`);
const imports = workspace.files.reduce((sum, file) => sum + file.imports.length, 0);
console.log(
  `layers: ${imports} imports in ${workspace.files.length} modules of ${workspace.packages.length} packages, ${breaches.length} forbidden`,
);
process.exitCode = breaches.length === 0 ? 0 : 1;
