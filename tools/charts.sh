#!/usr/bin/env bash
# Builds the chart library of reports, build/report/advfair-vega.js, from the packages that report/package-lock.json pins. Does
# nothing when it is there and newer than that.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"

made=build/report/advfair-vega.js
[ ! "$made" -nt report/package-lock.json ] || exit 0
command -v npm >/dev/null || die "The chart library takes npm and node. Run 'tools/deps.sh report' (as root)."
mkdir -p build/report
cp report/package.json report/package-lock.json build/report/
say "fetching the chart library (Vega)"
(cd build/report && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) ||
    { tail -n 20 build/report/npm.log >&2; die "could not fetch the chart library"; }

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
