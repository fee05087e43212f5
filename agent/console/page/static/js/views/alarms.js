// Alarms: raised, acknowledged, closed, each step with a name and a reason.

import { at, get } from "../api.js";
import { alarmTitle, byUrgency } from "../alarm_words.js";
import { showError } from "../dialog.js";
import { button, fill, h, icon } from "../dom.js";
import { ago, exact, moment, number } from "../format.js";
import { alarmStateMark, mark, severityMark } from "../marks.js";
import { remember, to } from "../router.js";
import { ACTING, may, on, store } from "../store.js";
import { paged, table } from "../tables.js";
import { knows, t, word } from "../words.js";
import { acknowledge, close } from "./alarm_acts.js";

const ROWS_AT_ONCE = 200; // as many as one request may act on
const AT_MOST_EVERY_MS = 250;

export function alarmsView({ query }) {
  const wish = { state: query.get("state") ?? "open", box: query.get("box") ?? "", search: "", id: query.get("id") ?? "" };
  const ticked = new Set();
  const list = h("div", { class: "list" });
  const side = h("aside", { class: "side panel", "aria-label": t("alarm.detail") });
  const acts = h("div", { class: "acts" });
  const tabs = h("div", { class: "choices", role: "group", "aria-label": t("state") }, ["open", "closed", "all"].map((state) =>
    button(t(`alarms.${state}`), { kind: "choice", "aria-pressed": String(wish.state === state), "data-state": state, onclick: () => choose(state) })));
  const search = h("input", { type: "search", value: wish.box, placeholder: t("alarms.search"), "aria-label": t("alarms.search"), oninput: () => {
    wish.box = "";
    wish.search = search.value;
    draw();
  } });
  let history = null;
  let most = ROWS_AT_ONCE;
  let timer = null;
  let drawnAt = 0;

  function choose(state) {
    wish.state = state;
    history = null;
    for (const one of tabs.children) one.setAttribute("aria-pressed", String(one.dataset.state === state));
    ticked.clear();
    note();
    draw();
  }

  function note() {
    remember("alarms", [], { state: wish.state === "open" ? "" : wish.state, box: wish.box, id: wish.id });
  }

  function found(alarms) {
    const words = (wish.box || wish.search).toLowerCase().split(/\s+/).filter(Boolean);
    return alarms.filter((alarm) => {
      const text = `${alarm.box ?? t("the.console")} ${alarm.entity} ${alarm.code} ${alarmTitle(alarm)} ${alarm.text}`.toLowerCase();
      return words.every((one) => text.includes(one));
    });
  }

  // A ward that loses its power raises hundreds of alarms at once.
  function soon() {
    timer ??= setTimeout(draw, Math.max(0, drawnAt + AT_MOST_EVERY_MS - performance.now()));
  }

  function draw() {
    clearTimeout(timer);
    timer = null;
    drawnAt = performance.now();
    if (wish.state === "open") {
      history = null;
      const alarms = found([...store.alarms.values()]).sort(byUrgency);
      for (const id of [...ticked]) if (!store.alarms.has(id)) ticked.delete(id);
      const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
      const scroll = list.querySelector(".table-frame")?.scrollTop ?? 0;
      const rest = alarms.length - most;
      fill(list, alarmTable(alarms.slice(0, most), true), rest > 0 && h("div", { class: "more" }, button(t("alarms.rest", { n: rest }), { kind: "quiet", name: "down", onclick: () => {
        most += ROWS_AT_ONCE;
        draw();
      } })));
      const frame = list.querySelector(".table-frame");
      if (frame) frame.scrollTop = scroll;
      if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"] input, [data-key="${CSS.escape(focused)}"] a`)?.focus();
    } else if (history === null) {
      history = paged((before) => get("/alarms", { state: wish.state, box: wish.box, before }), (items) => alarmTable(found(items), false));
      fill(list, history.place);
    } else history.redraw();
    drawActs();
  }

  function drawActs() {
    const chosen = [...ticked].map((id) => store.alarms.get(id)).filter(Boolean);
    const raised = chosen.filter((alarm) => alarm.state === "raised");
    const over = chosen.filter((alarm) => !alarm.active);
    acts.hidden = !may(...ACTING) || wish.state !== "open";
    fill(
      acts,
      h("span", { class: "dim" }, t("alarms.chosen", { n: chosen.length })),
      button(t("acknowledge"), { kind: raised.length ? "main" : "", name: "person", disabled: raised.length === 0, onclick: () => acknowledge(raised, clearTicks) }),
      button(t("alarm.close"), { name: "ok", disabled: over.length === 0, title: t("alarm.close.hint"), onclick: () => close(over, clearTicks) }),
    );
  }

  function clearTicks() {
    ticked.clear();
    draw();
    if (wish.id) open(wish.id);
  }

  function alarmTable(alarms, live) {
    const all = h("input", { type: "checkbox", "aria-label": t("alarms.all"), checked: alarms.length > 0 && alarms.every((alarm) => ticked.has(alarm.id)), onchange: () => {
      for (const alarm of alarms) if (all.checked) ticked.add(alarm.id); else ticked.delete(alarm.id);
      draw();
    } });
    const tick = (alarm) => h("input", { type: "checkbox", "data-stop": true, "aria-label": `${alarm.box ?? t("the.console")} ${alarmTitle(alarm)}`, checked: ticked.has(alarm.id), onchange: (event) => {
      if (event.target.checked) ticked.add(alarm.id); else ticked.delete(alarm.id);
      drawActs();
    } });
    const columns = [
      live && may(...ACTING) && { title: all, kind: "narrow", cell: tick },
      { title: t("severity"), cell: (alarm) => severityMark(alarm.severity) },
      { title: t("state"), cell: alarmStateMark },
      { title: t("cause"), cell: (alarm) => (alarm.active ? mark("calm", "silent", t("alarm.active")) : mark("good", "ok", t("alarm.over"))) },
      { title: t("box"), cell: (alarm) => [alarm.box ? h("a", { href: to("box", [alarm.box]), class: "name" }, alarm.box) : t("the.console"), alarm.entity === "_" ? null : h("span", { class: "id" }, alarm.entity)] },
      { title: t("alarm"), kind: "wide", cell: (alarm) => h("button", { type: "button", class: "link", onclick: () => open(alarm.id) }, h("b", null, alarmTitle(alarm)), h("span", { class: "dim" }, alarm.text)) },
      { title: t("raised"), kind: "number", cell: (alarm) => h("time", { title: exact(alarm.raised) }, ago(alarm.raised)) },
      { title: t("count"), kind: "number", cell: (alarm) => number(alarm.count) },
      { title: t("by"), cell: (alarm) => alarm.by ?? "" },
    ].filter(Boolean);
    return table(t("nav.alarms"), columns, alarms, { key: (alarm) => alarm.id, onrow: (alarm) => open(alarm.id), empty: t(live ? "alarms.none" : "none.here"), rowClass: (alarm) => `${alarm.severity} ${alarm.state}${alarm.id === wish.id ? " here" : ""}` });
  }

  async function open(id) {
    wish.id = id;
    note();
    for (const row of list.querySelectorAll("tr[data-key]")) row.classList.toggle("here", row.dataset.key === id);
    try {
      const alarm = await get(at`/alarms/${id}`);
      if (wish.id === id) drawSide(alarm);
    } catch (error) {
      showError(fill(side, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  }

  function drawSide(alarm) {
    const own = knows(`code.${alarm.code}`);
    fill(
      side,
      h("header", null, severityMark(alarm.severity), alarmStateMark(alarm), h("span", { class: "gap" }), h("button", { type: "button", class: "button quiet bare", "aria-label": t("close"), onclick: () => {
        wish.id = "";
        note();
        drawIdle();
      } }, icon("close"))),
      h("h2", null, alarmTitle(alarm)),
      h("p", { class: "where" }, alarm.box ? h("a", { href: to("box", [alarm.box]) }, alarm.box) : t("the.console"), alarm.entity === "_" ? null : h("span", { class: "id" }, alarm.entity), own && h("code", null, alarm.code)),
      h("p", { class: "said", lang: "en" }, alarm.text),
      alarm.remedy && h("div", { class: "do" }, h("h3", null, t("do.this")), h("p", { lang: "en" }, alarm.remedy)),
      h("p", null, alarm.active ? t("alarm.since", { time: moment(alarm.since) }) : t("alarm.gone", { time: moment(alarm.cleared) }), alarm.count > 1 ? ` · ${t("alarm.times", { n: alarm.count })}` : ""),
      may(...ACTING) && alarm.state !== "closed" && h(
        "div",
        { class: "buttons" },
        alarm.state === "raised" && button(t("acknowledge"), { kind: "main", name: "person", onclick: () => acknowledge([alarm], () => open(alarm.id)) }),
        button(t("alarm.close"), { name: "ok", disabled: alarm.active, title: alarm.active ? t("error.alarm.still-active") : "", onclick: () => close([alarm], () => open(alarm.id)) }),
      ),
      h("h3", null, t("steps")),
      h("ol", { class: "steps" }, (alarm.steps ?? []).map((step) => h("li", { class: step.step }, h("time", { title: exact(step.at) }, moment(step.at)), h("b", null, word("alarm.step", step.step)), step.by && h("span", null, step.by), step.reason && h("q", null, step.reason)))),
    );
  }

  function drawIdle() {
    fill(side, h("p", { class: "empty" }, t("alarm.choose")));
    for (const row of list.querySelectorAll("tr.here")) row.classList.remove("here");
  }

  const stops = [() => clearTimeout(timer), on("alarms", (news) => {
    soon();
    if (wish.id && (news === null || news.changed.some((alarm) => alarm.id === wish.id))) open(wish.id);
  })];
  return {
    node: [h("div", { class: "tools" }, h("h1", null, t("nav.alarms")), tabs, search, h("span", { class: "gap" }), acts), h("div", { class: "split" }, list, side)],
    begin: () => {
      drawIdle();
      draw();
      if (wish.id) open(wish.id);
    },
    stop: () => stops.forEach((stop) => stop()),
  };
}
