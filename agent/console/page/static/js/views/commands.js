// Commands: what waits for a signature, what is on its way, what was answered.

import { get } from "../api.js";
import { button, h } from "../dom.js";
import { exact, moment } from "../format.js";
import { commandMark } from "../marks.js";
import { go, to } from "../router.js";
import { ACTING, may, on } from "../store.js";
import { paged, table } from "../tables.js";
import { t, word } from "../words.js";
import { commandDetail } from "./command_detail.js";
import { commandNew } from "./command_new.js";

export function commandsView({ names, query }) {
  if (names[0] === "new" && may(...ACTING)) return commandNew({ box: query.get("box") ?? "", type: query.get("type") ?? "" });
  if (names[0] && names[0] !== "new") return commandDetail(names[0]);
  const wish = { state: query.get("state") ?? "all" };
  const place = h("div");
  let list = null;
  const tabs = h("div", { class: "choices", role: "group", "aria-label": t("state") }, ["all", "open", "done"].map((state) => button(t(`commands.${state}`), { kind: "choice", "aria-pressed": String(wish.state === state), onclick: (event) => {
    wish.state = state;
    for (const one of event.currentTarget.parentElement.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
    draw();
  } })));

  function draw() {
    list?.stop();
    list = commandList(wish);
    place.replaceChildren(list.node);
  }

  return {
    node: [h("div", { class: "tools" }, h("h1", null, t("nav.commands")), tabs, h("span", { class: "gap" }), may(...ACTING) && button(t("command.new"), { kind: "main", name: "send", onclick: () => go("commands", ["new"]) })), place],
    begin: draw,
    stop: () => list?.stop(),
  };
}

export function commandList({ box, state = "all" }) {
  const list = paged((before) => get("/commands", { box, state, before }), (items) => table(t("nav.commands"), [
    { title: t("state"), cell: (one) => commandMark(one.state) },
    { title: t("command"), cell: (one) => [h("a", { href: to("commands", [one.cmd_id]), "data-stop": true }, h("b", null, word("command", one.type))), h("code", null, one.type)] },
    { title: t("box"), cell: (one) => h("a", { href: to("box", [one.box]), class: "name" }, one.box) },
    { title: t("signatures"), cell: (one) => `${one.signers.length} / ${one.signatures_needed} · ${one.signers.map((signer) => signer.account).join(", ")}` },
    { title: t("made"), kind: "number", cell: (one) => h("time", { title: exact(one.created) }, moment(one.created)) },
    { title: t("command.until"), kind: "number", cell: (one) => h("time", { title: exact(one.not_after) }, moment(one.not_after)) },
    { title: t("answer"), kind: "wide", cell: (one) => (one.answer?.reason ? [h("code", null, one.answer.reason), " ", one.answer.text ?? ""] : "") },
  ], items, { key: (one) => one.cmd_id, onrow: (one) => go("commands", [one.cmd_id]), empty: t("commands.none") }));
  const off = on("commands", () => list.reload());
  return { node: list.place, stop: off };
}
