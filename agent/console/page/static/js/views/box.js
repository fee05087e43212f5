// One box: what it is, what it records against what it should, its ledger, its events.

import { at, get, post } from "../api.js";
import { askReason } from "../dialog.js";
import { button, fill, h } from "../dom.js";
import { bits, bytes, exact, moment, mode, number, rate, short } from "../format.js";
import { differs } from "../fleet_rows.js";
import { mark, recordingMark, signalMark, statusMark, verdictMark } from "../marks.js";
import { go, remember, to } from "../router.js";
import { ACTING, forgetBox, may, on, store } from "../store.js";
import { paged, table } from "../tables.js";
import { t, word } from "../words.js";
import { boxCharts } from "./box_charts.js";
import { boxOverview } from "./box_overview.js";
import { checkList } from "./checks.js";
import { commandList } from "./commands.js";
import { recordingList } from "./recordings.js";
import { eventLine } from "./events.js";

const TABS = ["overview", "charts", "checks", "recordings", "events", "commands"];
const AGAIN_MS = 1000;

export function boxView({ names, query }) {
  const [name] = names;
  const wish = { tab: query.get("channel") ? "charts" : TABS.includes(query.get("tab")) ? query.get("tab") : "overview" };
  const head = h("header", { class: "box-head" });
  const channels = h("div", { class: "box-channels" });
  const content = h("div", { class: "box-tab" });
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": name }, TABS.map((tab) => tabButton(tab)));
  let stop = null;
  let timer = null;
  let off = [];
  let known = store.boxes.has(name);

  function tabButton(tab) {
    return h("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-selected": String(tab === wish.tab), tabindex: tab === wish.tab ? 0 : -1, onclick: () => choose(tab), onkeydown: (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) choose(TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length], true);
    } }, t(`tab.${tab}`));
  }

  function choose(tab, focus) {
    wish.tab = tab;
    remember("box", [name], { tab: tab === "overview" ? "" : tab });
    for (const one of tabs.children) {
      const here = one.id === `tab-${tab}`;
      one.setAttribute("aria-selected", String(here));
      one.tabIndex = here ? 0 : -1;
      if (here && focus) one.focus();
    }
    drawTab();
  }

  function drawTab() {
    stop?.();
    const shown = tabOf(name, wish.tab, query.get("channel"));
    stop = shown.stop ?? null;
    content.setAttribute("role", "tabpanel");
    content.setAttribute("aria-labelledby", `tab-${wish.tab}`);
    fill(content, shown.node);
  }

  function drawNow() {
    timer = null;
    const box = store.boxes.get(name);
    if (!box) {
      fill(head, h("h1", null, name), h("p", { class: "empty" }, store.ready ? t("error.box.unknown") : t("loading")));
      return;
    }
    if (!known) drawTab(); // it was drawn before the box was there
    known = true;
    drawHead(head, box);
    fill(channels, channelTable(box));
  }

  function soon() {
    timer ??= setTimeout(drawNow, AGAIN_MS);
  }

  return {
    node: [head, channels, tabs, content],
    begin: () => {
      drawNow();
      drawTab();
      off = [on("boxes", (rows) => (rows === null || rows.some((row) => row.box === name)) && (rows === null ? drawNow() : soon())), on("measured", (values) => values[name] && soon()), () => clearTimeout(timer)];
    },
    stop: () => {
      stop?.();
      off.forEach((one) => one());
    },
  };
}

function drawHead(place, box) {
  const key = JSON.stringify([box.status, box.cause, box.silent, box.site, box.agent, box.clk, box.alarms, box.missing, box.refused, box.lost_messages, document.documentElement.lang]);
  const values = [
    [t("heard"), short(box.heard), exact(box.heard)], [t("since"), short(box.since), exact(box.since)], [t("agent"), box.agent ?? "–"],
    [t("clock"), box.clk === null ? "–" : word("clk", box.clk)], [t("outbox"), number(box.outbox_rows)], [t("free"), bytes(box.free_bytes)],
    [t("ledger"), number(box.ledger.leaves)], [t("unwitnessed"), number(box.ledger.unwitnessed_leaves)],
  ];
  if (place.dataset.key !== key) {
    place.dataset.key = key;
    const silent = box.silent || !["online", "maintenance", "draining"].includes(box.status);
    const unsure = box.clk !== null && box.clk !== "synced";
    fill(
      place,
      h("div", { class: "box-title" }, h("a", { class: "up", href: to("fleet") }, t("nav.fleet")), h("h1", null, box.box), h("span", { class: "dim" }, box.site ?? ""), statusMark(box),
        box.alarms.critical + box.alarms.warning > 0 && h("a", { href: to("alarms", [], { box: box.box }) }, mark(box.alarms.critical ? "bad" : "warn", box.alarms.critical ? "critical" : "warning", t("box.alarms", { n: box.alarms.critical + box.alarms.warning }))),
        unsure && mark("warn", "clock", t("box.clock")),
        box.refused > 0 && mark("warn", "broken", t("box.refused", { n: box.refused })),
        box.missing > 0 && mark("warn", "warning", t("box.missing", { n: box.missing })),
        box.lost_messages > 0 && mark("warn", "warning", t("box.lost", { n: box.lost_messages }))),
      h("div", { class: "box-acts" },
        may(...ACTING) && button(t("command.new"), { name: "send", onclick: () => go("commands", ["new"], { box: box.box }) }),
        may(...ACTING) && button(t("check.run"), { name: "check", onclick: () => go("commands", ["new"], { box: box.box, type: "check.run" }) }),
        may("admin") && silent && button(t("box.forget"), { kind: "danger", onclick: () => forget(box.box) })),
      h("dl", { class: "strip" }, values.map(([title]) => h("div", null, h("dt", null, title), h("dd", null)))),
    );
  }
  place.querySelectorAll(".strip dd").forEach((cell, n) => {
    cell.textContent = values[n][1];
    cell.title = values[n][2] ?? "";
  });
}

function channelTable(box) {
  const rows = Object.entries(box.channels).map(([id, channel]) => ({ id, ...channel }));
  const against = (channel, key, text, required) => (differs(channel) === key ? mark("warn", "warning", text, required) : text);
  return table(t("channels"), [
    { title: t("channel"), cell: (row) => [h("span", { class: "id" }, row.id), h("b", null, row.name ?? "")] },
    { title: t("source"), cell: (row) => `${row.source ?? "–"}` },
    { title: t("category"), cell: (row) => `${row.category ?? "–"}${row.level === null ? "" : ` · ${t("level.short", { n: row.level })}`}` },
    { title: t("signal"), cell: signalMark },
    { title: t("recording"), cell: recordingMark },
    { title: t("verdict"), cell: (row) => verdictMark(row.verdict) },
    { title: t("required"), kind: "number", cell: (row) => `${mode(row.required)} · ${rate(row.required?.rate)}` },
    { title: t("measured"), kind: "number", cell: (row) => (row.width === null ? "–" : [against(row, "mode", mode(row)), " · ", against(row, "rate", rate(row.rate))]) },
    { title: t("codec"), cell: (row) => row.codec ?? "–" },
    { title: t("bitrate"), kind: "number", cell: (row) => bits(row.bitrate_bps) },
    { title: t("lost"), kind: "number", cell: (row) => number(row.lost) },
    { title: t("durable"), kind: "number", cell: (row) => h("time", { title: exact(row.durable_at) }, short(row.durable_at)) },
  ], rows, { key: (row) => row.id, empty: t("channel.none") });
}

function tabOf(name, tab, channel) {
  switch (tab) {
    case "charts":
      return boxCharts(name, Object.keys(store.boxes.get(name)?.channels ?? {}), channel);
    case "checks":
      return checkList(name);
    case "recordings":
      return { node: recordingList({ box: name }).place };
    case "events":
      return { node: eventList(name) };
    case "commands":
      return commandList({ box: name });
    default:
      return boxOverview(name);
  }
}

function eventList(name) {
  const kind = h("select", { "aria-label": t("event.type"), onchange: () => draw() }, h("option", { value: "" }, t("event.all")), EVENTS.map((type) => h("option", { value: type }, word("event", type))));
  const place = h("div");
  const draw = () => fill(place, paged((before) => get(at`/boxes/${name}/events`, { type: kind.value, before }), (items) => table(t("tab.events"), [
    { title: t("time"), cell: (one) => h("time", { title: exact(one.at) }, moment(one.at)) },
    { title: t("where"), cell: (one) => (one.entity === "_" ? t("box") : h("span", { class: "id" }, one.entity)) },
    { title: t("event"), cell: (one) => word("event", one.type) },
    { title: t("detail"), kind: "wide", cell: eventLine },
  ], items, { key: (one) => one.id })).place);
  draw();
  return h("section", null, h("div", { class: "tools" }, kind), place);
}

const EVENTS = ["gap", "refused", "recording-opened", "recording-closed", "boot", "shutdown", "configuration", "command-denied", "clock-step", "quarantine", "data_loss", "hold-set", "hold-cleared", "retention-due", "evicted", "destroy-requested", "destroy-approved", "destroy-executed", "destroy-certified"];

function forget(name) {
  askReason(t("box.forget"), h("p", null, t("box.forget.text", { box: name })), t("box.forget"), [t("reason.gone"), t("reason.renamed")], async (reason) => {
    await post(at`/boxes/${name}/forget`, { reason });
    forgetBox(name);
    go("fleet");
  }, "danger");
}

