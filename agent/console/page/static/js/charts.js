// Curves over time with uPlot: what was measured, and what is required as a dashed line.
//
// Guarantees: a null is a gap, never a line drawn through; every curve has its newest value and its range as text as
// well, for who can't see it. Colours come from the theme. Leaves out where values come from.

import uPlot from "../vendor/uPlot.esm.js";
import { fill, h } from "./dom.js";
import { clockOf, momentOf } from "./format.js";
import { t } from "./words.js";

// Where curves go on when the person only looked away from them: not into a null of the next minute.
const sync = uPlot.sync("measurements");

// `lines`: `{title, values, tone, dash, width}`; `times` in seconds. Gives `{node, stop}`.
export function chart(title, times, lines, format, { from, to, zero = true } = {}) {
  const plot = h("div", { class: "plot", "aria-hidden": "true" });
  const shown = lines.filter((line) => line.values !== null);
  const known = shown.filter((line) => !line.required).flatMap((line) => line.values.filter((value) => value !== null));
  const newest = shown.find((line) => !line.required)?.values.findLast((value) => value !== null) ?? null;
  const text = newest === null
    ? t("chart.none")
    : t("chart.text", { now: format(newest), low: format(Math.min(...known)), high: format(Math.max(...known)) });
  const legend = h("ul", { class: "legend" }, shown.map((line) => h("li", { class: `${line.tone}${line.dash ? " dash" : ""}` }, line.title)));
  const node = h("figure", { class: "chart" }, h("figcaption", null, h("b", null, title), h("span", { class: "dim" }, text), legend), plot);
  let drawn = null;

  function draw() {
    drawn?.destroy();
    fill(plot);
    if (newest === null || plot.clientWidth === 0) return;
    drawn = new uPlot(options(plot, shown, format, from, to, zero), [times, ...shown.map((line) => line.values)], plot);
  }

  const observer = new ResizeObserver(() => {
    if (drawn === null) draw();
    else if (plot.clientWidth > 0) drawn.setSize({ width: plot.clientWidth, height: plot.clientHeight });
  });
  observer.observe(plot);
  return {
    node,
    draw,
    stop: () => {
      observer.disconnect();
      drawn?.destroy();
    },
  };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function options({ clientWidth: width, clientHeight: height }, lines, format, from, to, zero) {
  const axis = { stroke: colour("dim"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: `11px ${getComputedStyle(document.body).fontFamily}` };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { sync: { key: sync.key }, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: [from, to] }, y: { range: (_, low, high) => range(low, high, zero) } },
    axes: [
      { ...axis, space: 70, size: 24, values: (_, ticks) => ticks.map((tick) => label(tick, to - from)) },
      { ...axis, size: 76, space: 24, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.title,
        stroke: colour(line.tone),
        width: line.width ?? 1.5,
        dash: line.dash ? [5, 4] : undefined,
        spanGaps: false,
        points: { show: false },
        fill: line.area ? `${colour(line.tone)}22` : undefined,
      })),
    ],
    hooks: { setCursor: [(plot) => showValue(plot, format)] },
  };
}

function range(low, high, zero) {
  if (low === null || high === null) return [0, 1];
  const from = zero ? Math.min(0, low) : low;
  const room = (high - from || Math.abs(high) || 1) * 0.12;
  return [zero ? from : from - room, high + room];
}

function label(seconds, span) {
  const at = new Date(seconds * 1000);
  return span > 2 * 86_400 ? momentOf(at).slice(5, 10) : clockOf(at).slice(0, 5);
}

// The values under the pointer, in the place of the legend's line.
function showValue(plot, format) {
  const caption = plot.root.closest("figure")?.querySelector("figcaption > span");
  if (!caption) return;
  const { idx } = plot.cursor;
  caption.dataset.text ??= caption.textContent;
  if (idx === null || idx === undefined || plot.cursor.left < 0) {
    caption.textContent = caption.dataset.text;
    return;
  }
  const values = plot.data.slice(1).map((values) => (values[idx] === null ? t("chart.gap") : format(values[idx])));
  caption.textContent = `${momentOf(new Date(plot.data[0][idx] * 1000)).slice(5, 16)} · ${values.join(" / ")}`;
}
