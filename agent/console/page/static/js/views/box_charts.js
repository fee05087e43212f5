// What a box measured over time, each channel against what its specification requires.

import { at, get } from "../api.js";
import { chart } from "../charts.js";
import { nowMs } from "../clock.js";
import { showError } from "../dialog.js";
import { button, fill, h } from "../dom.js";
import { bits, bytes, number, rate } from "../format.js";
import { on } from "../store.js";
import { t } from "../words.js";

const SPANS = { h: 3600, d: 86_400, w: 7 * 86_400, m: 30 * 86_400 };
const AGAIN_MS = 60_000;
const POINTS = 300;

const CHANNEL = [
  ["rate", (found) => [{ title: t("chart.mean"), values: found.columns.rate_mean, tone: "line" }, { title: t("chart.min"), values: found.columns.rate_min, tone: "line2" }], rate, "rate"],
  ["bitrate", (found) => [{ title: t("chart.mean"), values: found.columns.bitrate_mean, tone: "line", area: true }], bits],
  ["lost", (found) => [{ title: t("chart.max"), values: found.columns.lost_max, tone: "line", area: true }], (value) => number(value, 1)],
  ["jitter", (found) => [{ title: t("chart.max"), values: found.columns.jitter_p99_ms_max, tone: "line", area: true }], (value) => `${number(value, 1)} ms`],
  ["durable", (found) => [{ title: t("chart.max"), values: found.columns.durable_age_ms_max, tone: "line", area: true }], (value) => `${number(value / 1000, 1)} s`],
];
const BOX = [
  ["cpu", (found) => [{ title: t("chart.mean"), values: found.columns.cpu_mean, tone: "line", area: true }], (value) => `${number(value * 100, 1)} %`],
  ["memory", (found) => [{ title: t("chart.max"), values: found.columns.rss_bytes_max, tone: "line", area: true }], bytes],
  ["free", (found) => [{ title: t("chart.min"), values: found.columns.free_bytes_min, tone: "line", area: true }], bytes],
  ["outbox", (found) => [{ title: t("chart.max"), values: found.columns.outbox_rows_max, tone: "line", area: true }], (value) => number(value)],
];

// `channels` are the ids; gives `{node, stop}`.
export function boxCharts(name, channels, chosen) {
  const wish = { entity: channels.includes(chosen) ? chosen : channels[0] ?? "_", span: "h" };
  const place = h("div", { class: "charts" });
  const choice = (label, group, value) => button(label, { kind: "choice", "aria-pressed": String(wish[group] === value), onclick: (event) => {
    wish[group] = value;
    for (const one of event.currentTarget.parentElement.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
    load();
  } });
  const tools = h(
    "div",
    { class: "tools" },
    h("div", { class: "choices", role: "group", "aria-label": t("channel") }, channels.map((id) => choice(id, "entity", id)), choice(t("box"), "entity", "_")),
    h("div", { class: "choices", role: "group", "aria-label": t("chart.span") }, Object.keys(SPANS).map((span) => choice(t(`chart.span.${span}`), "span", span))),
  );
  let drawn = [];
  let asked = 0;

  async function load() {
    const mine = (asked += 1);
    const to = Math.floor(nowMs() / 1000);
    const from = to - SPANS[wish.span];
    try {
      const found = await get(at`/boxes/${name}/history`, { entity: wish.entity, from: stamp(from), to: stamp(to), points: POINTS });
      if (mine === asked) draw(found, from, to);
    } catch (error) {
      if (mine === asked) showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  }

  function draw(found, from, to) {
    for (const one of drawn) one.stop();
    const times = found.start.map((text) => Date.parse(text) / 1000);
    drawn = (wish.entity === "_" ? BOX : CHANNEL).map(([key, lines, format, required]) => {
      const wanted = required ? found.required?.[required] ?? null : null;
      const all = lines(found);
      if (wanted !== null) all.push({ title: t("chart.required"), values: times.map(() => wanted), tone: "required", dash: true, required: true });
      return chart(t(`chart.${key}`), times, all, format, { from, to, zero: key !== "rate" });
    });
    fill(place, drawn.map((one) => one.node));
    for (const one of drawn) one.draw();
  }

  const timer = setInterval(load, AGAIN_MS);
  const off = on("theme", () => drawn.forEach((one) => one.draw()));
  load();
  return {
    node: h("section", { "aria-label": t("chart.title") }, tools, place),
    stop: () => {
      clearInterval(timer);
      off();
      asked += 1;
      for (const one of drawn) one.stop();
    },
  };
}

function stamp(seconds) {
  return new Date(seconds * 1000).toISOString().replace(/(\.\d{3})Z$/, "$1000Z");
}
