// What the trust rests on: how far ledgers are witnessed, and which certificates end soon.

import { get } from "../api.js";
import { showError } from "../dialog.js";
import { fill, h } from "../dom.js";
import { duration, exact, moment, number } from "../format.js";
import { mark } from "../marks.js";
import { to } from "../router.js";
import { table } from "../tables.js";
import { t, word } from "../words.js";

const TONE = { good: ["good", "ok"], ending: ["warn", "clock"], ended: ["bad", "critical"] };
const AGAIN_MS = 30_000;
const LATE_S = 60;

export function trustView() {
  const witness = h("div", { class: "panel" });
  const certificates = h("div", { class: "panel" });
  const load = () => Promise.all([part(witness, "/witness", drawWitness), part(certificates, "/certificates", drawCertificates)]);
  const timer = setInterval(load, AGAIN_MS);
  return { node: [h("div", { class: "tools" }, h("h1", null, t("nav.trust"))), h("div", { class: "columns even" }, witness, certificates)], begin: load, stop: () => clearInterval(timer) };
}

async function part(place, path, draw) {
  try {
    draw(place, await get(path));
  } catch (error) {
    showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
  }
}

function boxLink(name) {
  return name === null ? t("the.console") : h("a", { href: to("box", [name]), class: "name", "data-stop": true }, name);
}

function drawWitness(place, found) {
  fill(
    place,
    h("h2", null, t("witness"), found.name && h("span", { class: "dim" }, ` ${found.name}`)),
    h("p", { class: "dim" }, t(found.configured ? "witness.text" : "witness.not-configured")),
    table(t("witness"), [
      { title: t("box"), cell: (one) => boxLink(one.box) },
      { title: t("state"), cell: witnessMark },
      { title: t("ledger.size"), kind: "number", cell: (one) => number(one.size) },
      { title: t("witness.at"), kind: "number", cell: (one) => h("time", { title: exact(one.at) }, moment(one.at)) },
      { title: t("unwitnessed"), kind: "number", cell: (one) => (one.unwitnessed_leaves === null ? "–" : `${number(one.unwitnessed_leaves)} · ${duration(one.unwitnessed_s)}`) },
    ], found.items, { key: (one) => one.box, empty: t("witness.none") }),
  );
}

function witnessMark(one) {
  if (one.stopped) return mark("bad", "critical", t("witness.stopped"), typeof one.stopped === "string" ? one.stopped : "");
  if (one.size === null) return mark("calm", "none", t("witness.never"));
  return one.unwitnessed_s > LATE_S ? mark("warn", "clock", t("witness.late")) : mark("good", "ok", t("witness.good"));
}

function drawCertificates(place, { items }) {
  fill(
    place,
    h("h2", null, t("certificates")),
    h("p", { class: "dim" }, t("certificates.text")),
    table(t("certificates"), [
      { title: t("box"), cell: (one) => boxLink(one.box) },
      { title: t("name"), cell: (one) => one.name ?? "–" },
      { title: t("state"), cell: (one) => mark(...(TONE[one.state] ?? ["calm", "unknown"]), word("certificate", one.state)) },
      { title: t("ends"), kind: "number", cell: (one) => h("time", { title: exact(one.not_after) }, moment(one.not_after)) },
      { title: t("days.left"), kind: "number", cell: (one) => number(one.days_left) },
    ], items, { empty: t("certificates.none") }),
  );
}
