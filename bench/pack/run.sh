#!/bin/sh
# Measures this machine's GPU and prints tables. Installs nothing; needs a Vulkan driver.
#   ./run.sh                                 everything: an hour or more
#   ./run.sh --only roofline                 or with any option of `npm run bench`; --help lists them
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
exec "$here/bin/node" "$here/run.mjs" "$@"
