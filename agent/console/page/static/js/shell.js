// What stands around every view: where one can go, the state of the console, alarms, the clock, the person.

import { counted } from "./alarm_words.js";
import { nowMs } from "./clock.js";
import { button, fill, h, icon } from "./dom.js";
import { clockOf, momentOf, offset } from "./format.js";
import { mark } from "./marks.js";
import { chooseLanguage, chooseTheme, chosenTheme, THEMES } from "./preferences.js";
import { to } from "./router.js";
import { showHelp } from "./shortcuts.js";
import { may, on, store } from "./store.js";
import { PAGES } from "./views/pages.js";
import { spoken, t } from "./words.js";

let current = null;
let place = null;
let parts = null;
let stops = [];
let title = "edgeward";
let secondsLeft = null;

// Draws it anew; `redraw` is called for another language, `signOff` by its button.
export function drawShell(app, { redraw, signOff }) {
  for (const stop of stops) stop();
  const main = h("main", { id: "main", tabindex: -1 });
  parts = { main, nav: h("nav", { class: "rail", "aria-label": t("nav") }), health: h("div", { class: "health" }), bells: h("a", { class: "bells", href: to("alarms") }), clock: h("div", { class: "clock" }) };
  const session = store.session;
  fill(
    app,
    h("a", { class: "skip", href: "#main", onclick: (event) => {
      event.preventDefault();
      main.focus();
    } }, t("skip")),
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: to("fleet") }, icon("mark"), h("span", null, h("strong", null, "edgeward"), h("span", null, session.watermark.site))),
      parts.health,
      parts.bells,
      parts.clock,
      person(session, { redraw, signOff }),
    ),
    parts.nav,
    main,
  );
  drawNav();
  drawHealth();
  drawBells();
  drawClock();
  secondsLeft = null;
  stops = [on("idle", drawIdle), on("console", drawHealth), on("link", drawHealth), on("alarms", drawBells), on("clock", drawClock), on("commands", drawNav)];
}

// `found` is `{name, names, query}` of the router.
export function openView(found) {
  stopView();
  place = found;
  const page = PAGES[found.name];
  title = `${t(`nav.${found.name}`)} · ${store.session.watermark.site} · edgeward`;
  drawBells();
  if (!may(...page.roles)) {
    fill(parts.main, h("div", { class: "refused panel" }, icon("lock"), h("h1", null, t("error.role.refused")), h("p", null, t("refused.text"))));
  } else {
    const view = page.open(found);
    current = view;
    parts.main.className = `view-${found.name}`;
    fill(parts.main, view.node);
    view.begin?.();
  }
  parts.main.scrollTop = 0;
  drawNav();
}

export function stopView() {
  current?.stop?.();
  current = null;
}

function drawNav() {
  const waiting = [...store.commands.values()].filter((command) => command.state === "waiting").length;
  const links = Object.entries(PAGES)
    .filter(([, page]) => may(...page.roles) && !page.hidden)
    .map(([name, page]) => {
      const here = place && (place.name === name || (place.name === "box" && name === "fleet"));
      const count = name === "commands" && waiting > 0 ? h("span", { class: "count", title: t("nav.waiting", { n: waiting }) }, String(waiting)) : null;
      return h("li", null, h("a", { href: to(name), title: t(`nav.${name}`), "aria-current": here ? "page" : null }, icon(page.icon), h("span", null, t(`nav.${name}`)), count));
    });
  const help = button(t("help"), { kind: "quiet", name: "help", onclick: showHelp, title: "?" });
  fill(parts.nav, h("ul", null, links), help);
}

function drawIdle(seconds) {
  secondsLeft = seconds;
  drawHealth();
}

function drawHealth() {
  const found = store.console;
  const marks = [];
  if (secondsLeft !== null) marks.push(mark("warn", "clock", t("idle.left", { seconds: secondsLeft })));
  if (store.link !== "live") marks.push(mark("bad", "silent", t(`link.${store.link}`)));
  if (found) {
    if (found.broker !== "ok") marks.push(mark("bad", "offline", t("broker.lost")));
    if (found.database !== "ok") marks.push(mark("bad", "broken", t("database.failing")));
    if (!found.synced) marks.push(mark("info", "clock", t("not.synced")));
  }
  if (marks.length === 0) marks.push(mark("calm", "online", t("link.live")));
  fill(parts.health, marks);
}

function drawBells() {
  const found = counted(store.alarms.values());
  document.title = found.raised > 0 ? `(${found.raised}) ${title}` : title;
  parts.bells.className = found.raised > 0 ? (found.critical > 0 ? "bells ring bad" : "bells ring warn") : "bells";
  fill(
    parts.bells,
    h("span", { class: "unseen" }, t("nav.alarms")),
    h("span", { class: found.critical ? "bad" : "calm" }, icon("critical"), h("b", null, String(found.critical)), h("small", null, t("severity.critical"))),
    h("span", { class: found.warning ? "warn" : "calm" }, icon("warning"), h("b", null, String(found.warning)), h("small", null, t("severity.warning"))),
    h("span", { class: found.raised ? "fresh" : "calm" }, icon("bell"), h("b", null, String(found.raised)), h("small", null, t("alarm.state.raised"))),
  );
}

function drawClock() {
  const at = new Date(nowMs());
  fill(parts.clock, h("time", { datetime: at.toISOString() }, clockOf(at)), h("small", null, `${momentOf(at).slice(0, 10)} ${offset()}`));
}

// A menu closes when the person presses elsewhere, or Escape.
addEventListener("pointerdown", (event) => closeMenus((menu) => !menu.contains(event.target)));
addEventListener("keydown", (event) => event.key === "Escape" && closeMenus((menu) => {
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  return true;
}));

function closeMenus(which) {
  for (const menu of document.querySelectorAll("details.person[open]")) if (which(menu)) menu.open = false;
}

function person(session, { redraw, signOff }) {
  const themes = THEMES.map((theme) => button(t(`theme.${theme}`), { kind: "choice", name: `theme-${theme}`, "aria-pressed": String(chosenTheme() === theme), onclick: (event) => {
    chooseTheme(theme);
    for (const one of event.currentTarget.parentElement.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
  } }));
  const languages = [["en", "English"], ["zh", "中文"]].map(([code, name]) => button(name, { kind: "choice", lang: code === "zh" ? "zh-CN" : "en", "aria-pressed": String(spoken() === code), onclick: () => {
    chooseLanguage(code);
    redraw();
  } }));
  return h(
    "details",
    { class: "person" },
    h("summary", null, icon("person"), h("span", null, h("b", null, session.watermark.person), h("small", null, `${session.roles.map((role) => t(`role.${role}`)).join(", ")} · ${session.terminal}`)), icon("down")),
    h(
      "div",
      { class: "menu" },
      h("div", { class: "choices", role: "group", "aria-label": t("theme") }, themes),
      h("div", { class: "choices", role: "group", "aria-label": t("language") }, languages),
      session.operator && h("p", { class: "dim" }, t("person.operator", { name: session.operator })),
      button(t("password.change"), { kind: "quiet", name: "key", onclick: () => dispatchEvent(new Event("edgeward:password")) }),
      button(t("signoff"), { kind: "quiet", name: "leave", onclick: signOff }),
    ),
  );
}
