// The fleet: alarms that nobody has seen first, then every box with its channels.

import { alarmTitle, byUrgency } from "../alarm_words.js";
import { nowMs } from "../clock.js";
import { button, fill, h, icon } from "../dom.js";
import { chosen, CONDITIONS, differs, isLate, rows, summary, wards } from "../fleet_rows.js";
import { ago, bits, duration, exact, mode, number, rate, short } from "../format.js";
import { mark, recordingMark, severityMark, signalMark, statusMark, verdictMark } from "../marks.js";
import { remember, to } from "../router.js";
import { ACTING, may, on, store } from "../store.js";
import { VirtualTable } from "../virtual.js";
import { t } from "../words.js";
import { acknowledge } from "./alarm_acts.js";
import { askRebirth } from "./rebirth.js";

const AT_MOST_EVERY_MS = 250;
const ALARMS_SHOWN = 4;

export function fleetView({ query }) {
  const wish = {
    search: query.get("search") ?? "",
    ward: query.get("ward") ?? "",
    condition: query.get("show") ?? "",
    order: query.get("order") ?? "ward",
  };
  const alarms = h("section", { class: "fleet-alarms", "aria-labelledby": "fleet-alarms" });
  const tiles = h("div", { class: "tiles", role: "group", "aria-label": t("fleet.filters") });
  const count = h("span", { class: "dim", role: "status" });
  const ward = h("select", { "aria-label": t("ward"), onchange: () => change({ ward: ward.value }) });
  const search = h("input", { type: "search", placeholder: t("fleet.search"), "aria-label": t("fleet.search"), value: wish.search, oninput: () => change({ search: search.value }) });
  const table = new VirtualTable(t("nav.fleet"), columns(wish, (order) => change({ order })));
  const tools = h("div", { class: "tools" }, h("h1", { class: "unseen" }, t("nav.fleet")), search, ward, count, h("span", { class: "gap" }),
    may(...ACTING) && button(t("rebirth"), { kind: "quiet", name: "again", onclick: askRebirth }));
  let timer = null;
  let drawnAt = 0;
  let alarmsChanged = true;

  function change(part) {
    Object.assign(wish, part);
    remember("fleet", [], { search: wish.search, ward: wish.ward, show: wish.condition, order: wish.order === "ward" ? "" : wish.order });
    table.columns = columns(wish, (order) => change({ order }));
    if (part.order) table.head();
    table.scroller.scrollTop = 0;
    draw();
  }

  // Changes come up to five times a second; a row is read more slowly than that.
  function soon() {
    if (timer !== null) return;
    timer = setTimeout(draw, Math.max(0, drawnAt + AT_MOST_EVERY_MS - performance.now()));
  }

  function noteAlarms() {
    alarmsChanged = true;
    soon();
  }

  function draw() {
    clearTimeout(timer);
    timer = null;
    drawnAt = performance.now();
    const boxes = [...store.boxes.values()];
    if (alarmsChanged) drawAlarms(alarms);
    alarmsChanged = false;
    drawTiles(tiles, summary(boxes), wish.condition, (condition) => change({ condition: wish.condition === condition ? "" : condition }));
    drawWards(ward, wards(boxes), wish.ward);
    const found = chosen(boxes, wish);
    count.textContent = found.length === boxes.length ? t("fleet.boxes", { n: boxes.length }) : t("fleet.some", { n: found.length, of: boxes.length });
    table.show(rows(found, wish.order, wardHeading), store.ready ? t(boxes.length === 0 ? "fleet.empty" : "fleet.none") : t("loading"));
  }

  const stops = [on("boxes", soon), on("measured", soon), on("console", soon), on("alarms", noteAlarms), () => table.stop(), () => clearTimeout(timer)];
  return {
    node: [alarms, tiles, tools, table.node],
    begin: draw,
    stop: () => stops.forEach((stop) => stop()),
  };
}

function wardHeading(name, boxes) {
  const found = summary(boxes);
  const text = [t("fleet.boxes", { n: found.boxes }), t("fleet.recording", { n: found.recording, of: found.channels })].join(" · ");
  return { key: `ward:${name ?? ""}`, class: "v-ward", text: `${name} ${text}`, heading: () => [h("strong", null, name ?? t("ward.none")), h("span", { class: "dim" }, text)] };
}

function drawAlarms(place) {
  const open = [...store.alarms.values()].filter((alarm) => alarm.state === "raised").sort(byUrgency);
  const acting = may(...ACTING);
  place.hidden = open.length === 0;
  if (open.length === 0) return;
  const shown = open.slice(0, ALARMS_SHOWN);
  const line = (alarm) =>
    h(
      "li",
      { class: alarm.severity, "data-alarm": alarm.id },
      severityMark(alarm.severity),
      alarm.box ? h("a", { href: to("box", [alarm.box]), class: "name" }, alarm.box) : h("span", { class: "name" }, t("the.console")),
      h("span", { class: "dim entity" }, alarm.entity === "_" ? "" : alarm.entity),
      h("a", { href: to("alarms", [], { id: alarm.id }), class: "what" }, h("b", null, alarmTitle(alarm)), h("span", { class: "dim" }, alarm.text)),
      h("time", { class: "dim", datetime: alarm.raised, title: exact(alarm.raised) }, ago(alarm.raised)),
      acting && button(t("acknowledge"), { kind: "small", onclick: () => acknowledge([alarm]) }),
    );
  fill(
    place,
    h("h2", { id: "fleet-alarms", class: "unseen" }, t("fleet.alarms")),
    h("ul", null, shown.map(line)),
    open.length > shown.length && h("a", { class: "more-alarms", href: to("alarms") }, t("fleet.more", { n: open.length - shown.length })),
  );
}

function drawTiles(place, found, condition, toggle) {
  const all = [
    ["offline", t("tile.online"), `${number(found.online)}`, found.boxes, found.offline > 0 ? "bad" : "", found.offline > 0 ? t("tile.offline", { n: found.offline }) : t("tile.all.online")],
    ["no-signal", t("tile.signal"), `${number(found.signal)}`, found.channels, found.signal < found.channels ? "warn" : "", t("tile.no-signal", { n: found.channels - found.signal })],
    ["idle", t("tile.recording"), `${number(found.recording)}`, found.channels, "", t("tile.idle", { n: found.channels - found.recording })],
    ["verdict", t("tile.verdict"), `${number(found.wrong)}`, null, found.wrong > 0 ? "warn" : "", t("tile.verdict.text")],
    ["unwitnessed", t("tile.unwitnessed"), duration(found.tail, 1), null, found.unwitnessed > 0 ? "warn" : "", t("tile.unwitnessed.text", { n: found.unwitnessed })],
    ["hostile", t("tile.hostile"), `${number(found.hostile)}`, null, found.hostile > 0 ? "warn" : "", t("tile.hostile.text")],
  ];
  const key = JSON.stringify([all, condition, document.documentElement.lang]);
  if (place.dataset.key === key) return; // a button that has the focus keeps it
  place.dataset.key = key;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.tile : null;
  fill(place, all.map(([name, title, value, of, tone, text]) =>
    h(
      "button",
      { type: "button", class: `tile ${tone}`, "aria-pressed": String(condition === name), "data-tile": name, title: t("tile.press"), onclick: () => toggle(name) },
      h("span", { class: "tile-title" }, tone && icon(tone === "bad" ? "critical" : "warning"), title),
      h("span", { class: "tile-value" }, value, of !== null && h("small", null, ` / ${number(of)}`)),
      h("span", { class: "tile-text" }, text),
    )));
  if (focused) place.querySelector(`[data-tile="${focused}"]`)?.focus();
}

function drawWards(select, names, chosenWard) {
  const key = JSON.stringify([names, document.documentElement.lang]);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    fill(select, h("option", { value: "" }, t("ward.all")), names.map((name) => h("option", { value: name }, name)));
  }
  select.value = chosenWard;
}

function columns(wish, sort) {
  const by = (order, title) => h("button", { type: "button", class: "sort", onclick: () => sort(order) }, title, wish.order === order && icon("down"));
  const list = [
    { title: by(wish.order === "name" ? "ward" : "name", t("box")), kind: "c-box", text: (row) => (row.first ? `${row.box.status}${row.box.cause}${row.box.silent}${row.box.site}` : ""), cell: boxCell, sorted: wish.order === "name" ? "ascending" : null },
    { title: t("channel"), kind: "c-channel", text: (row) => (row.channel ? `${row.id} ${row.channel.name}` : "-"), cell: channelCell },
    { title: t("signal"), kind: "c-mark", text: (row) => row.channel?.signal ?? "", cell: (row) => signalMark(row.channel) },
    { title: t("recording"), kind: "c-mark", text: (row) => (row.channel ? `${Boolean(row.channel.recording)}` : ""), cell: (row) => recordingMark(row.channel) },
    { title: t("verdict"), kind: "c-verdict", text: (row) => (row.channel ? `${row.channel.verdict}` : ""), cell: (row) => verdictMark(row.channel.verdict) },
    { title: t("measured"), kind: "c-mode", text: (row) => (row.channel ? `${mode(row.channel)} ${row.channel.rate} ${differs(row.channel)}` : ""), cell: modeCell },
    { title: t("bitrate"), kind: "number c-bitrate", text: (row) => (row.channel ? bits(row.channel.bitrate_bps) : ""), cell: (row) => bits(row.channel.bitrate_bps) },
    { title: t("lost"), kind: "number c-lost", text: (row) => (row.channel ? number(row.channel.lost) : ""), cell: (row) => (row.channel.lost > 0 ? mark("warn", "warning", number(row.channel.lost)) : number(row.channel.lost)) },
    { title: by("durable", t("durable")), kind: "number c-durable", text: (row) => (row.channel ? `${short(row.channel.durable_at)} ${isLate(row.channel, nowMs())}` : ""), cell: durableCell, sorted: wish.order === "durable" ? "ascending" : null },
    { title: by("alarms", t("nav.alarms")), kind: "c-alarms", text: (row) => (row.first ? JSON.stringify(row.box.alarms) : ""), cell: alarmCell, sorted: wish.order === "alarms" ? "descending" : null },
    { title: by("unwitnessed", t("unwitnessed")), kind: "number c-tail", text: (row) => (row.first ? JSON.stringify(row.box.ledger) : ""), cell: tailCell, sorted: wish.order === "unwitnessed" ? "descending" : null },
    { title: by("heard", t("heard")), kind: "number c-heard", text: (row) => (row.first ? short(row.box.heard) : ""), cell: (row) => h("time", { title: exact(row.box.heard) }, short(row.box.heard)), sorted: wish.order === "heard" ? "ascending" : null },
  ];
  return list;
}

function boxCell({ box }) {
  const tags = ["hostile"].filter((name) => CONDITIONS[name](box)).map(() => h("span", { class: "mark warn", title: t("tile.hostile.text") }, icon("broken", t("tile.hostile"))));
  return [h("a", { href: to("box", [box.box]), class: "name", "data-stop": true, title: box.site ?? "" }, box.box), tags, statusMark(box)];
}

function channelCell({ box, id, channel }) {
  if (!channel) return h("span", { class: "dim" }, t("channel.none"));
  return h("a", { href: to("box", [box.box], { channel: id }), title: channel.name ?? "" }, h("span", { class: "id" }, id), channel.name ?? "");
}

function modeCell({ channel }) {
  const wrong = differs(channel);
  const text = channel.width ? `${mode(channel)} · ${rate(channel.rate)}` : "–";
  if (!wrong) return text;
  return mark("warn", "warning", text, t("differs", { required: `${mode(channel.required)} · ${rate(channel.required.rate)}` }));
}

function durableCell({ channel }) {
  const text = short(channel.durable_at);
  if (isLate(channel, nowMs())) return mark("warn", "clock", text, t("durable.late"));
  return h("time", { title: exact(channel.durable_at) }, text);
}

function alarmCell({ box }) {
  const { critical, warning, unacknowledged } = box.alarms;
  if (critical + warning === 0) return h("span", { class: "dim" }, t("none"));
  return h(
    "a",
    { href: to("alarms", [], { box: box.box }), class: "alarm-count", title: t("bells", { critical, warning, raised: unacknowledged }) },
    critical > 0 && h("span", { class: "mark bad" }, icon("critical", t("severity.critical")), String(critical)),
    warning > 0 && h("span", { class: "mark warn" }, icon("warning", t("severity.warning")), String(warning)),
    unacknowledged > 0 && h("span", { class: "mark fresh" }, icon("bell", t("alarm.state.raised")), String(unacknowledged)),
  );
}

function tailCell({ box }) {
  const { leaves, unwitnessed_leaves: tail, unwitnessed_s: seconds } = box.ledger;
  if (tail === null || tail === undefined) return "–";
  const text = tail === 0 ? "0" : `${number(tail)} · ${duration(seconds, 1)}`;
  const title = t("ledger.leaves", { n: number(leaves) });
  return CONDITIONS.unwitnessed(box) ? mark("warn", "warning", text, title) : h("span", { title }, text);
}
