// Draws the charts of a page, in the colours of its text, as wide as there is room; and anew when that changes.
(function () {
  "use strict";
  if (typeof vegaEmbed === "undefined") return;
  const ink = "currentColor";
  const config = {
    background: null,
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
    axis: { labelColor: ink, titleColor: ink, tickColor: ink, domainColor: ink, gridColor: ink, gridOpacity: 0.15, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, symbolBaseStrokeColor: ink },
    rule: { color: ink },
    header: { labelColor: ink, titleColor: ink, labelFontSize: 13, labelFontWeight: 600, title: null },
    title: { color: ink },
    style: { interval: { color: ink, strokeWidth: 1.3 } },
  };

  function draw(figure) {
    const place = figure.querySelector(".chart");
    const chart = JSON.parse(figure.querySelector("script").textContent);
    const room = place.clientWidth;
    delete chart.title; // the heading has it
    delete (chart.config || {}).axis;
    if (chart.facet) {
      if (room < 640) chart.columns = 1;
      chart.spec.width = Math.max(120, Math.floor(room / chart.columns) - (chart.spec.encoding.yOffset ? 230 : 70));
    }
    return vegaEmbed(place, chart, { actions: false, logLevel: vega.Error, renderer: "svg", ast: true, config: config, tooltip: { theme: "custom" } });
  }

  const figures = Array.from(document.querySelectorAll("figure")).filter((f) => f.querySelector(".chart"));
  let width = 0;
  function drawAll() {
    if (document.body.clientWidth === width) return Promise.resolve();
    width = document.body.clientWidth;
    return Promise.all(figures.map(draw)).then(
      () => document.documentElement.setAttribute("data-charts", String(figures.length)),
      (error) => console.error("a chart cannot be drawn: " + error.message));
  }
  drawAll();
  let timer;
  window.addEventListener("resize", function () {
    clearTimeout(timer);
    timer = setTimeout(drawAll, 150);
  });
})();
