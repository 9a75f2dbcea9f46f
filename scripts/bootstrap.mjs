// `node scripts/bootstrap.mjs program|tools`: makes a clone ready (Node 24, pnpm, dependencies and, for `program`, the build) and prints shell lines
// for scripts/run.sh, which then becomes the program. Plain JavaScript without dependencies: it runs on the Node that happens to be there, 18 or newer.
// It must not know what is run afterwards. Invariant: standard output carries nothing but those lines; what people read goes to standard error.
const OLDEST_NODE = 18;

const major = Number(process.versions.node.split('.')[0]);
if (major < OLDEST_NODE) {
  console.error(`claude-on-the-go: Node ${process.versions.node} is too old even to fetch a newer one: install Node 24 or newer`);
  process.exit(1);
}

// Imported late, so that a Node that could not read these files has already been told.
const { prepare } = await import('./bootstrap/prepare.mjs');
const { BootstrapError } = await import('./bootstrap/errors.mjs');

try {
  const purpose = process.argv[2];
  if (purpose !== 'program' && purpose !== 'tools') throw new BootstrapError('usage: node scripts/bootstrap.mjs program|tools');
  process.stdout.write(await prepare(purpose));
} catch (error) {
  // An expected failure is one line, a folder that cannot be written or a full disk too; anything else is a defect here and keeps its stack.
  const expected = error instanceof BootstrapError || (error instanceof Error && 'syscall' in error);
  console.error(expected ? `claude-on-the-go: ${error.message}` : error);
  process.exitCode = error instanceof BootstrapError ? error.exitCode : 1;
}
