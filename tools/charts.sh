#!/usr/bin/env bash
# Builds the chart library of reports, build/report/advfair-vega.js, from the packages that report/package-lock.json pins. Does
# nothing when it is there and newer than that.
#
#   tools/charts.sh [--try]      with --try, where it cannot be had, say so and succeed: pages go without charts
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"

give_up() {
    [ "${1:-}" = --try ] || die "$2"
    say "$2: pages of advfair_report will have no charts"
    exit 0
}

made=build/report/advfair-vega.js
[ ! "$made" -nt report/package-lock.json ] || exit 0
command -v npm >/dev/null || give_up "${1:-}" "the chart library takes npm and node ('tools/deps.sh report' as root)"
mkdir -p build/report
cp report/package.json report/package-lock.json build/report/
say "fetching the chart library (Vega)"
(cd build/report && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 \
    --fetch-timeout=30000 >npm.log 2>&1) || give_up "${1:-}" "could not fetch the chart library (build/report/npm.log tells why)"

# One file of ASCII that can stand inside of a script element, licences kept.
node - "$made" <<'END'
const fs = require("fs");
let all = "";
for (const name of ["vega", "vega-lite", "vega-embed"]) {
  const dir = "build/report/node_modules/" + name;
  const about = JSON.parse(fs.readFileSync(dir + "/package.json"));
  const licence = fs.readFileSync(dir + "/LICENSE", "utf8").replace(/\*\//g, "* /");
  const code = fs.readFileSync(`${dir}/build/${name}.min.js`, "utf8").replace(/^\/\/# sourceMappingURL.*$/m, "");
  all += `/*! ${name} ${about.version}\n${licence.trim()}\n*/\n${code.trim()}\n`;
}
all = all.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "\\x3c!--")
  .replace(/[^\x00-\x7f]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
fs.writeFileSync(process.argv[2] + ".new", all);
fs.renameSync(process.argv[2] + ".new", process.argv[2]);
END
