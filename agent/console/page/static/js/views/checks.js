// Checks: run one at a box (a signed command), and read the signed report.

import { at, get } from "../api.js";
import { button, fill, h } from "../dom.js";
import { showError } from "../dialog.js";
import { exact, moment, number } from "../format.js";
import { findingMark, mark, resultMark } from "../marks.js";
import { go, to } from "../router.js";
import { ACTING, may, on, store } from "../store.js";
import { facts, paged, table } from "../tables.js";
import { loadChecks, t, word } from "../words.js";
import { boxChoice } from "./choices.js";

const SIGNED = { enrolled: ["good", "shield"], announced: ["warn", "shield"], unverified: ["bad", "broken"] };
const ORDER = ["fail", "crash", "warn", "skip", "pass"];

export function checksView({ names }) {
  const [box, run] = names;
  if (run) return reportView(box, run);
  const place = h("div");
  const choice = boxChoice(box ?? "", (name) => {
    history.replaceState(null, "", to("checks", [name]));
    draw(name);
  });
  let stop = null;
  const runOne = may(...ACTING) && button(t("check.run"), { kind: "main", name: "check", onclick: () => go("commands", ["new"], { box: choice.value(), type: "check.run" }) });

  function draw(name) {
    stop?.();
    stop = null;
    if (!name) {
      fill(place, h("p", { class: "empty" }, t("check.choose")));
      return;
    }
    const list = checkList(name);
    stop = list.stop;
    fill(place, list.node);
  }

  return {
    node: [h("div", { class: "tools" }, h("h1", null, t("nav.checks")), choice.node, h("span", { class: "gap" }), runOne), place],
    begin: () => draw(box ?? (store.boxes.size === 1 ? [...store.boxes.keys()][0] : "")),
    stop: () => {
      choice.stop();
      stop?.();
    },
  };
}

export function checkList(name) {
  const list = paged((before) => get(at`/boxes/${name}/checks`, { before }), (items) => table(t("nav.checks"), [
    { title: t("time"), cell: (one) => h("a", { href: to("checks", [one.box, one.run]), title: exact(one.at), "data-stop": true }, moment(one.at)) },
    { title: t("result"), cell: resultMark },
    { title: t("check.profile"), cell: (one) => word("profile", one.profile) },
    { title: t("technician"), cell: (one) => one.technician },
    { title: t("check.counts"), kind: "wide", cell: (one) => t("check.counted", one.counts) },
    { title: t("check.signed"), cell: (one) => signedMark(one.signed) },
    { title: t("leaf"), kind: "number", cell: (one) => number(one.leaf) },
  ], items, { key: (one) => one.run, onrow: (one) => go("checks", [one.box, one.run]), empty: t("check.never") }));
  const off = on("checks", (news) => news.box === name && list.reload());
  return { node: list.place, stop: off };
}

function signedMark(signed) {
  const [tone, symbol] = SIGNED[signed] ?? ["calm", "unknown"];
  return mark(tone, symbol, word("signed", signed));
}

function reportView(box, run) {
  const place = h("div", { class: "report" });
  const load = async () => {
    try {
      const [check, words] = await Promise.all([get(at`/checks/${run}`, { box }), loadChecks()]);
      draw(place, check, words);
    } catch (error) {
      if (error.code === "check.unknown") fill(place, h("p", { class: "empty", role: "status" }, t("check.coming")));
      else showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  };
  const off = on("checks", (news) => news.box === box && news.run === run && load());
  load();
  return {
    node: [h("div", { class: "tools" }, h("a", { class: "up", href: to("checks", [box]) }, t("nav.checks")), h("h1", null, box)), place],
    stop: off,
  };
}

function draw(place, check, words) {
  const findings = [...(check.findings ?? [])].sort((one, other) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status));
  const wrong = findings.filter((one) => ["fail", "crash", "warn"].includes(one.status));
  const rest = findings.filter((one) => !wrong.includes(one));
  fill(
    place,
    h("section", { class: "panel report-head" },
      h("p", { class: "verdict" }, resultMark(check), check.complete ? null : mark("warn", "warning", t("check.incomplete"))),
      facts([
        [t("time"), moment(check.at), exact(check.at)], [t("check.profile"), word("profile", check.profile)], [t("technician"), check.technician],
        [t("check.counts"), t("check.counted", check.counts)], [t("check.signed"), signedMark(check.signed)], [t("leaf"), number(check.leaf)],
        [t("check.hash"), h("code", null, check.sha256)],
      ])),
    check.findings === null && h("p", { class: "empty" }, t("check.too-long")),
    wrong.length > 0 && h("ol", { class: "findings" }, wrong.map((one) => finding(one, words))),
    rest.length > 0 && h("details", { open: wrong.length === 0 }, h("summary", null, t("check.rest", { n: rest.length })), table(t("check.rest", { n: rest.length }), [
      { title: t("result"), cell: (one) => findingMark(one.status) },
      { title: t("check"), cell: (one) => [own(words.checks, one.check)?.title ?? one.check, one.channel && h("span", { class: "id" }, one.channel)] },
      { title: t("finding"), kind: "wide", cell: (one) => sentence(one, words).text },
      { title: t("measured"), cell: (one) => nothing(one.measured) },
      { title: "ID", cell: (one) => h("code", null, one.check) },
    ], rest)),
  );
}

function finding(one, words) {
  const { text, steps } = sentence(one, words);
  return h(
    "li",
    { class: `finding panel ${one.status}` },
    h("header", null, findingMark(one.status), h("h2", null, own(words.checks, one.check)?.title ?? one.check), one.channel && h("span", { class: "id" }, one.channel), h("span", { class: "gap" }), h("code", null, one.check)),
    h("p", null, text),
    facts([nothing(one.measured) !== "–" && [t("measured"), one.measured], nothing(one.required) !== "–" && [t("required"), one.required], [t("owner"), own(words.owners, one.owner) ?? one.owner]]),
    steps.length > 0 && h("div", { class: "do" }, h("h3", null, t("do.this")), h("ol", null, steps.map((step) => h("li", null, step)))),
  );
}

function nothing(value) {
  return value === null || value === "-" ? "–" : value;
}

// What `map` has under a name that a box chose: a name such as `toString` is none.
function own(map, name) {
  return Object.hasOwn(map ?? {}, name) ? map[name] : undefined;
}

// The sentence of a finding with its values; without one, the id of the message.
function sentence(one, words) {
  const found = own(own(words.checks, one.check)?.messages, one.message) ?? own(words.engine, one.message);
  if (!found) return { text: one.message, steps: [] };
  const values = { ...one.values };
  if (values.reason) values.reason = own(words.skip_reasons, values.reason) ?? values.reason;
  const filled = (text) => text.replace(/\{(\w+)\}/g, (whole, name) => own(values, name) ?? whole).trim();
  return { text: filled(found.text), steps: found.steps.map(filled) };
}
