// One command: every step, what was signed, by whom, what the box answered; and the second signature.

import { at, get, post } from "../api.js";
import { askReason, showError } from "../dialog.js";
import { button, fill, h } from "../dom.js";
import { say } from "../heralds.js";
import { exact, moment, number } from "../format.js";
import { commandMark } from "../marks.js";
import { to } from "../router.js";
import { ACTING, may, on, store } from "../store.js";
import { facts } from "../tables.js";
import { knows, t, word } from "../words.js";
import { signaturePanel } from "./signature.js";

// What still comes, after each state, so that the person sees where the command stands.
const WAY = ["waiting", "queued", "sent", "accepted", "succeeded"];

export function commandDetail(cmdId) {
  const place = h("div", { class: "command" });
  let asked = 0;
  const load = async () => {
    const mine = (asked += 1);
    try {
      const found = await get(at`/commands/${cmdId}`);
      if (mine === asked) draw(place, found, load);
    } catch (error) {
      if (mine === asked) showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  };
  const off = [on("commands", (changed) => (changed === null || changed.some((one) => one.cmd_id === cmdId)) && load()), on("checks", (news) => news.run === cmdId && load())];
  return {
    node: [h("div", { class: "tools" }, h("a", { class: "up", href: to("commands") }, t("nav.commands")), h("h1", null, t("command"))), place],
    begin: load,
    stop: () => {
      asked += 1;
      off.forEach((one) => one());
    },
  };
}

function draw(place, command, reload) {
  const mine = command.signers.some((signer) => signer.account === store.session.account);
  const waits = command.state === "waiting";
  const canWithdraw = may(...ACTING) && (waits || (command.state === "queued" && command.sends === 0));
  fill(
    place,
    h(
      "div",
      { class: "columns" },
      h(
        "section",
        { class: "panel" },
        h("header", { class: "command-head" }, h("h2", null, word("command", command.type)), commandMark(command.state)),
        h("p", { class: "dim" }, t(`command.state.${command.state}.text`)),
        progress(command),
        waits && may(...ACTING) && (mine ? h("p", { class: "notice" }, t("command.other-person")) : second(command, reload)),
        command.answer && answer(command),
        h("h3", null, t("command.text")),
        h("pre", { class: "note", tabindex: 0 }, command.note),
      ),
      h(
        "aside",
        { class: "panel", "aria-label": t("steps") },
        facts([
          [t("box"), h("a", { href: to("box", [command.box]) }, command.box)], [t("command"), h("code", null, command.type)],
          [t("arguments"), Object.keys(command.args).length === 0 ? t("none") : h("code", null, shortened(JSON.stringify(command.args)))],
          [t("made"), moment(command.created), exact(command.created)], [t("command.until"), moment(command.not_after), exact(command.not_after)],
          [t("counter"), h("code", null, String(command.counter))], [t("command.sends"), number(command.sends)], ["ID", h("code", null, command.cmd_id)],
        ]),
        h("h3", null, t("signatures"), ` ${command.signers.length} / ${command.signatures_needed}`),
        h("ol", { class: "signers" }, command.signers.map((signer) => h("li", null, h("b", null, signer.account), h("span", null, t("signer.key", { name: signer.operator })), h("time", { title: exact(signer.at) }, moment(signer.at)))),
          Array.from({ length: Math.max(0, command.signatures_needed - command.signers.length) }, () => h("li", { class: "open" }, t("signature.missing")))),
        h("h3", null, t("steps")),
        h("ol", { class: "steps" }, command.steps.map((step) => h("li", { class: step.step }, h("time", { title: exact(step.at) }, moment(step.at)), h("b", null, word("command.step", step.step)), step.by && h("span", null, step.by), step.detail && h("q", null, step.detail)))),
        canWithdraw && h("div", { class: "buttons" }, button(t("command.withdraw"), { kind: "danger", onclick: () => withdraw(command, reload) })),
      ),
    ),
  );
}

function progress(command) {
  const ended = !WAY.includes(command.state);
  const way = command.signatures_needed > 1 ? WAY : WAY.slice(1);
  const reached = ended ? (command.sends > 0 ? way.indexOf("sent") : way.indexOf("queued") - 1) : way.indexOf(command.state);
  const shown = ended ? [...way.slice(0, Math.max(0, reached) + 1), command.state] : way;
  return h("ol", { class: "way-bar", "aria-label": t("steps") }, shown.map((state, n) => {
    const here = state === command.state;
    return h("li", { class: here ? `here ${state}` : n <= reached ? "past" : "to-come", "aria-current": here ? "step" : null }, h("span", null, word("command.state", state)));
  }));
}

function second(command, reload) {
  const give = async (note) => {
    await post(at`/commands/${command.cmd_id}/signatures`, { note });
    say(t("sign.done"));
    await reload();
  };
  return h("div", null, h("h3", null, t("sign.second")), h("p", { class: "dim" }, t("command.read.text")), signaturePanel({ note: command.note, fileName: `${command.type}-${command.cmd_id}.note`, give, label: t("sign.second.do") }));
}

function answer(command) {
  const { status, reason, text, advice, result, leaf, at: when } = command.answer;
  const ran = command.type === "check.run" && result?.run;
  return h(
    "section",
    { class: `answer ${status}` },
    h("h3", null, t("answer"), " ", h("time", { title: exact(when) }, moment(when))),
    reason && h("p", null, h("b", null, knows(`error.${reason}`) ? t(`error.${reason}`) : text ?? reason), " ", h("code", null, reason)),
    reason && text && knows(`error.${reason}`) && h("p", { lang: "en" }, text),
    advice && h("p", { lang: "en" }, advice),
    ran && h("p", null, h("a", { href: to("checks", [command.box, result.run]), class: "button main" }, t("check.read"))),
    result && !ran && h("pre", { class: "note", tabindex: 0 }, JSON.stringify(result, null, 2)),
    leaf !== null && h("p", { class: "dim" }, t("answer.leaf", { n: leaf })),
  );
}

function shortened(text) {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function withdraw(command, reload) {
  askReason(t("command.withdraw"), h("p", null, `${word("command", command.type)} · ${command.box}`), t("command.withdraw"), [t("reason.mistake"), t("reason.not-needed")], async (reason) => {
    await post(at`/commands/${command.cmd_id}/withdraw`, { reason });
    await reload();
  }, "danger");
}
