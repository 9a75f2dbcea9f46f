#!/bin/sh
# sh scripts/run.sh PURPOSE FILE [ARGS]: makes the clone ready (scripts/bootstrap.mjs), then becomes `node FILE ARGS` in the caller's folder.
# It becomes the program instead of starting it: signals, the terminal and the exit code are the program's own, and no process of ours stays
# in between that could die alone and leave it behind. PURPOSE is `program` (built, the caller's environment) or `tools` (installed, our PATH).
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
purpose=$1
file=$2
shift 2

node=$(command -v node) || node=
if [ -z "$node" ]; then
  # No Node on PATH: the one that an earlier start fetched will do.
  for fetched in "$root"/.toolchain/node_modules/node-*/bin/node; do
    if [ -x "$fetched" ]; then node=$fetched; fi
  done
fi
if [ -z "$node" ]; then
  echo 'claude-on-the-go: no Node was found: install Node 24 or newer' >&2
  exit 1
fi

node_path=
lines=$("$node" "$root/scripts/bootstrap.mjs" "$purpose") || exit $?
eval "$lines"
# Young objects of the server are small and few. V8's own limit lets them take 48 MB in a flood and keeps it (MiB; testing/start-server.ts has the same).
if [ "$purpose" = program ]; then exec "$node_path" --max-semi-space-size=2 "$root/$file" "$@"; fi
exec "$node_path" "$root/$file" "$@"
