#!/usr/bin/env bash
# Shows what advfair does, in a throw-away server: examples/demo.sql on the Adult data set or, if that can be
# had neither locally nor from the network, on made-up people.
set -euo pipefail
. "$(dirname "$0")/common.sh"
start=$SECONDS

if "$top/tools/data.sh" adult; then
    export ADVFAIR_DATA=$top/data
    options=()
else
    options=(-v synthetic=1)
fi
cd "$top"
tools/with-server.sh -- psql -X -f examples/demo.sql ${options[@]+"${options[@]}"}

cat <<END
This took $((SECONDS - start)) seconds, building included. The server is gone again. What to try next:

  make install, then CREATE EXTENSION advfair in a database of yours
  tools/with-server.sh -- psql          a server to play with
  README.md, "Getting Started"          training on your own tables
  examples/                             what you have just seen, and how the data sets are loaded
END
