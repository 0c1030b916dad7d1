#!/usr/bin/env bash
# Shows what advfair does, in a throw-away server: examples/demo.sql on the Adult data set or, if that can be
# had neither locally nor from the network, on made-up people. Installs what is missing first.
set -euo pipefail
. "$(dirname "$0")/common.sh"
start=$SECONDS

"$top/tools/deps.sh" build report
"$top/tools/charts.sh" --try
if "$top/tools/data.sh" adult; then
    export ADVFAIR_DATA=$top/data
    options=()
else
    options=(-v synthetic=1)
fi
cd "$top"
mkdir -p build
report="SELECT advfair_report('{adult,robust}', 'adult_test', eps => '{0.25,0.5,1,10}', protected => '{sex,race}', given => '>50K', leave_out => 5)"
# shellcheck disable=SC2016
tools/with-server.sh -- bash -c 'psql -X -f examples/demo.sql "${@:2}" &&
    echo "Now a page about both models: attacks of four sizes, groups, intervals, five people left out. It takes half a minute." && psql -AtX -v ON_ERROR_STOP=1 -c "$1" >&9' demo \
    "$report" ${options[@]+"${options[@]}"} 9>build/report.html

charts='Scores, charts'
[ -e build/report/advfair-vega.js ] || charts='Scores (no charts: they take npm; have it installed and make demo again)'
cat <<END

$charts and what they mean are also on a page, build/report.html, for any browser. It was made by
  psql -AtX -c "$report" > build/report.html

This took $((SECONDS - start)) seconds, with all that was installed and built. The server is gone again. What to try next:

  make install, then CREATE EXTENSION advfair in a database of yours
  tools/with-server.sh -- psql          a server to play with
  README.md, "Getting Started"          training on your own tables
  examples/                             what you have just seen, and how the data sets are loaded
END
