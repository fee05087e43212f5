// Keys, and the dialog that lists them. No key acts while letters are typed or a dialog is open.

import { show } from "./dialog.js";
import { h, isTyping } from "./dom.js";
import { chooseLanguage, chooseTheme, chosenTheme, THEMES } from "./preferences.js";
import { go } from "./router.js";
import { store } from "./store.js";
import { spoken, t } from "./words.js";

const GO = { f: "fleet", a: "alarms", k: "checks", r: "recordings", c: "commands", w: "trust", u: "audit", p: "accounts" };
const MS_FOR_TWO = 1500;
let pressedG = 0;

export function beginShortcuts(redraw) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (!store.session || store.session.must_change) return;
    if (act(event.key, redraw)) event.preventDefault();
  });
}

function act(key, redraw) {
  const second = performance.now() - pressedG < MS_FOR_TWO;
  pressedG = 0;
  if (second && GO[key]) {
    go(GO[key]);
    return true;
  }
  switch (key) {
    case "g":
      pressedG = performance.now();
      return true;
    case "?":
      showHelp();
      return true;
    case "/":
      return focusSearch();
    case "t":
      chooseTheme(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length]);
      return true;
    case "l":
      chooseLanguage(spoken() === "en" ? "zh" : "en");
      redraw();
      return true;
    case "j":
    case "k":
      return step(key === "j" ? 1 : -1);
    default:
      return false;
  }
}

function focusSearch() {
  const search = document.querySelector("main input[type=search]");
  search?.focus();
  return search !== null;
}

// To the next or the last link or box to tick of a row.
function step(by) {
  const stops = [...document.querySelectorAll("main [data-stop]")].filter((stop) => stop.offsetParent !== null);
  if (stops.length === 0) return false;
  const at = stops.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : stops.length - 1) : Math.min(stops.length - 1, Math.max(0, at + by));
  stops[next].focus();
  return true;
}

export function showHelp() {
  const keys = [
    ["?", t("key.help")], ["g f", t("nav.fleet")], ["g a", t("nav.alarms")], ["g k", t("nav.checks")],
    ["g r", t("nav.recordings")], ["g c", t("nav.commands")], ["g w", t("nav.trust")], ["g u", t("nav.audit")],
    ["g p", t("nav.accounts")], ["/", t("key.search")], ["j k", t("key.step")], ["Enter", t("key.open")],
    ["Esc", t("key.close")], ["t", t("key.theme")], ["l", t("key.language")],
  ];
  const row = ([key, text]) => h("div", null, h("dt", null, key.split(" ").map((one) => h("kbd", null, one))), h("dd", null, text));
  show(t("help"), [
    h("p", null, t("help.text")),
    h("dl", { class: "keys" }, keys.map(row)),
    h("h3", null, t("help.signs")),
    h("p", null, t("help.signs.text")),
  ], { id: "help" });
}
