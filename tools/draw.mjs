// draw.mjs SPEC.json: a Vega-Lite chart as SVG, on standard output. Needs what tools/charts.sh has fetched.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../build/report/package.json", import.meta.url));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const vega = await load("vega");
const vegaLite = await load("vega-lite");

const chart = JSON.parse(readFileSync(process.argv[2], "utf8"), (key, value) => (key === "labelLimit" ? 0 : value)); // where text has no measured width, no limit
delete chart.autosize;
if (chart.width === "container") chart.width = 640;
const { spec } = vegaLite.compile(chart, { logger: vega.logger(vega.Error), config: { background: "white", font: "DejaVu Sans, sans-serif" } });
const view = new vega.View(vega.parse(spec), { renderer: "none", logger: vega.logger(vega.Error) });
process.stdout.write((await view.toSVG()) + "\n");
