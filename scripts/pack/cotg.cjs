#!/usr/bin/env -S node --max-semi-space-size=2
// The command `cotg` of the installed package. The flag is the one that scripts/run.sh starts a clone's with.
// In words that a Node of any age reads: one that is too old is told so in one line and not by the first import that it cannot read.
'use strict';
var MINIMUM_NODE_MAJOR = 24;
if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE_MAJOR) {
  console.error('cotg: Node ' + MINIMUM_NODE_MAJOR + ' or newer is needed, this is ' + process.version + '.');
  process.exit(1);
}
// A place in the package, not in the clone.
var entry = '../apps/server/dist/main.js';
import(entry).catch(function (error) {
  console.error(error);
  process.exit(1);
});
