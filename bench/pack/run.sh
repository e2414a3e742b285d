#!/bin/sh
# Measures this machine's GPU and prints tables. Installs nothing; needs a Vulkan driver.
#   ./run.sh                                 as much as ten minutes allow; --minutes 90 for everything
#   ./run.sh --only roofline                 accepts the options of `npm run bench`; --help lists them
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
exec "$here/bin/node" "$here/run.mjs" "$@"
