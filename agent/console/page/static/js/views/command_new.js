// A new command: what, for which box; its text is shown as it will be signed; then the signature.

import { get, post } from "../api.js";
import { field, form, PageError, showError } from "../dialog.js";
import { button, fill, h } from "../dom.js";
import { exact, moment } from "../format.js";
import { go, to } from "../router.js";
import { on, store } from "../store.js";
import { facts } from "../tables.js";
import { t, word } from "../words.js";
import { argumentFields } from "./command_arguments.js";
import { boxChoice } from "./choices.js";
import { signaturePanel } from "./signature.js";

const VALID = [[900, "m15"], [3600, "h1"], [86_400, "d1"], [7 * 86_400, "d7"]];

export function commandNew(wish) {
  const stage = h("div", { class: "panel command-new" });
  const choice = boxChoice(wish.box, () => drawTypes());
  const type = h("select", { name: "type", onchange: () => drawArguments() });
  const valid = h("select", { name: "valid", value: "3600" }, VALID.map(([seconds, name]) => h("option", { value: String(seconds) }, t(`valid.${name}`))));
  const place = h("div", { class: "form" });
  const needs = h("p", { class: "dim", role: "status" });
  let rules = [];
  let roles = [];
  let made = null;
  let drawnFor = null; // the box whose channels and alarms are offered

  // What this box does and the person's key may sign, by the words of the person's language.
  function drawTypes() {
    const before = type.value || wish.type || "check.run";
    const box = choice.value();
    const own = rules.filter((rule) => rule.roles.some((role) => roles.includes(role)));
    fill(type, own.map((rule) => h("option", { value: rule.type }, `${word("command", rule.type)} · ${rule.type}`)));
    type.value = own.some((rule) => rule.type === before) ? before : own[0]?.type ?? "";
    if (own.length === 0) needs.textContent = t("command.no-rules");
    drawArguments(box);
  }

  function drawArguments() {
    const rule = rules.find((one) => one.type === type.value);
    if (!rule) return;
    made = argumentFields(rule.type, choice.value());
    drawnFor = store.boxes.has(choice.value()) ? choice.value() : null;
    fill(place, made.nodes);
    needs.textContent = [t("command.needs", { n: rule.signatures }), rule.privileged && t("command.privileged")].filter(Boolean).join(" ");
  }

  async function draft() {
    const box = choice.value();
    if (!store.boxes.has(box)) throw new PageError(t("error.box.unknown"));
    if (made === null) throw new PageError(t("command.no-rules"));
    const found = await post("/commands/draft", { box, type: type.value, args: made.read(), valid_s: Number(valid.value) });
    drawDraft(found);
  }

  function drawForm() {
    fill(stage, form([field(t("box"), choice.input), choice.node.querySelector("datalist"), field(t("command"), type), place, field(t("command.valid"), valid), needs], t("command.draft"), draft, { cancel: () => go("commands") }));
  }

  function drawDraft(found) {
    const give = async (note) => {
      const command = await post("/commands", { note });
      go("commands", [command.cmd_id]);
    };
    fill(
      stage,
      h("h2", null, t("command.read")),
      h("p", { class: "dim" }, t("command.read.text")),
      facts([
        [t("command"), `${word("command", found.type)} · ${found.type}`], [t("box"), found.box], [t("command.by"), found.by],
        [t("command.until"), moment(found.not_after), exact(found.not_after)], [t("signatures"), String(found.signatures)], [t("counter"), h("code", null, String(found.counter))],
      ]),
      h("h3", null, t("command.text")),
      h("pre", { class: "note", tabindex: 0 }, found.text),
      signaturePanel({ note: found.text, fileName: `${found.type}-${found.cmd_id}.note`, give, label: t("sign.send") }),
      h("div", { class: "buttons" }, button(t("back"), { kind: "quiet", onclick: drawForm })),
    );
    stage.querySelector("h2").tabIndex = -1;
    stage.querySelector("h2").focus();
  }

  const off = on("boxes", () => drawnFor === null && store.boxes.has(choice.value()) && drawTypes());

  async function begin() {
    try {
      const found = await get("/commands/rules");
      rules = found.items;
      roles = found.operators.find((one) => one.name === store.session.operator)?.roles ?? [];
      drawForm(); // not before: without the rules nothing could be asked for
      drawTypes();
      if (!store.session.operator) needs.textContent = t("sign.no-operator");
      (wish.box ? type : choice.input).focus();
    } catch (error) {
      showError(fill(stage, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  }

  return { node: [h("div", { class: "tools" }, h("a", { class: "up", href: to("commands") }, t("nav.commands")), h("h1", null, t("command.new"))), stage], begin, stop: () => [choice.stop, off].forEach((one) => one()) };
}
