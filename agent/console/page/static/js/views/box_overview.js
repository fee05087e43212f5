// The box at length: ledger, witnesses, keys, versions, twins, retention, what was lost and refused.

import { at, get } from "../api.js";
import { showError } from "../dialog.js";
import { fill, h } from "../dom.js";
import { bytes, duration, exact, hash, moment, number } from "../format.js";
import { mark, resultMark } from "../marks.js";
import { to } from "../router.js";
import { on } from "../store.js";
import { facts, table } from "../tables.js";
import { t, word } from "../words.js";

export function boxOverview(name) {
  const place = h("div", { class: "cards" });
  const load = async () => {
    try {
      draw(place, await get(at`/boxes/${name}`));
    } catch (error) {
      showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  };
  const off = on("checks", (news) => news.box === name && load());
  load();
  return { node: place, stop: off };
}

function card(title, ...content) {
  return h("section", { class: "card panel" }, h("h2", null, title), content);
}

function draw(place, box) {
  fill(
    place,
    card(t("ledger"), facts([
      [t("ledger.size"), number(box.head?.size ?? box.ledger.leaves)],
      [t("ledger.root"), box.head ? h("code", null, box.head.root) : "–"],
      [t("ledger.said"), moment(box.head?.at), exact(box.head?.at)],
      [t("unwitnessed"), box.ledger.unwitnessed_leaves === null ? "–" : `${number(box.ledger.unwitnessed_leaves)} · ${duration(box.ledger.unwitnessed_s)}`],
      ...box.witnesses.map((witness) => [t("witness.of", { name: witness.name }), witness.size === null ? t("witness.never") : `${number(witness.size)} · ${moment(witness.at)}`]),
      [t("ledger.key"), box.ledger_key ? h("code", null, box.ledger_key) : "–"],
    ])),
    card(t("last.check"), box.last_check ? lastCheck(box.last_check, box.box) : h("p", { class: "empty" }, t("check.never"))),
    card(t("versions"), facts([
      ...Object.entries(box.versions).map(([name, version]) => [name, typeof version === "object" ? JSON.stringify(version) : String(version)]),
      [t("configuration"), box.configuration_sha256 ? h("code", { title: box.configuration_sha256 }, hash(box.configuration_sha256)) : "–"],
      ...twin(box.twins.software, ["os", "kernel", "python"]),
    ])),
    card(t("hardware"), box.twins.hardware ? facts([
      ...twin(box.twins.hardware, ["maker", "model", "machine", "cores"]),
      [t("memory"), bytes(box.twins.hardware.memory_bytes)],
      [t("vault"), bytes(box.twins.hardware.vault_bytes)],
      [t("vault.disk"), Object.values(box.twins.hardware.vault_disk ?? {}).filter(Boolean).join(" · ") || "–"],
    ]) : h("p", { class: "empty" }, t("twin.none"))),
    ...Object.entries(box.channel_twins).map(([id, twins]) => channelCard(id, twins)),
    card(t("keys"), box.twins.keys ? keys(box.twins.keys) : h("p", { class: "empty" }, t("twin.none"))),
    card(t("retention"), box.retention ? facts(["last_run", "oldest", "due", "overdue", "held", "unruled", "undated"].map((name) => [t(`retention.${name}`), ["last_run", "oldest"].includes(name) ? moment(box.retention[name]) : number(box.retention[name])])) : h("p", { class: "empty" }, t("retention.none")),
      box.report_week && h("p", { class: "dim" }, t("report.week", { made: moment(box.report_week.made), from: box.report_week.from_leaf, to: box.report_week.to_leaf }))),
    box.data_loss.length > 0 && card(t("data.loss"), table(t("data.loss"), [
      { title: t("time"), cell: (one) => moment(one.at) }, { title: t("cause"), cell: (one) => one.cause }, { title: t("count"), kind: "number", cell: (one) => number(one.count) },
    ], box.data_loss)),
    box.refusals.length > 0 && card(t("refusals"), table(t("refusals"), [
      { title: t("time"), cell: (one) => moment(one.at) }, { title: t("topic"), kind: "wide", cell: (one) => h("code", null, one.topic) }, { title: t("cause"), kind: "wide", cell: (one) => [h("code", null, one.code), " ", one.text] },
    ], box.refusals)),
  );
}

function lastCheck(check, box) {
  return [
    h("p", null, resultMark(check), " ", h("a", { href: to("checks", [box, check.run]) }, moment(check.at))),
    facts([
      [t("check.profile"), word("profile", check.profile)], [t("technician"), check.technician],
      [t("check.counts"), t("check.counted", check.counts)], [t("check.signed"), word("signed", check.signed)],
    ]),
  ];
}

function twin(values, names) {
  return values ? names.map((name) => [t(`twin.${name}`), values[name] === null || values[name] === undefined ? "–" : String(values[name])]) : [];
}

function channelCard(id, { spec, device }) {
  return card(
    t("channel.twin", { id }),
    spec ? facts([
      [t("category"), `${spec.category} · ${t("level.short", { n: spec.level })}`], [t("purpose"), spec.purpose], [t("lawful"), spec.lawful_basis],
      ...Object.entries(spec.spec).filter(([, value]) => typeof value !== "object" && value !== null).map(([name, value]) => [h("code", null, name), String(value)]),
    ]) : h("p", { class: "empty" }, t("twin.none")),
    device && facts([...twin(device, ["manufacturer", "model", "firmware", "serial", "profile"]), [t("twin.trust"), device.trust]]),
    device && device.firmware_findings.map((finding) => h("p", null, mark("warn", "warning", `${finding.status}: ${finding.required}${finding.cve?.length ? ` (${finding.cve.join(", ")})` : ""}`))),
  );
}

function keys(found) {
  return [
    facts([
      [t("custodians"), t("custodians.of", { n: found.threshold, of: found.custodians.length })],
      [t("authority"), found.authority ?? "–"],
      found.certificate && [t("certificate"), `${found.certificate.name ?? "–"} · ${t("until", { time: moment(found.certificate.not_after) })}`],
    ]),
    table(t("operators"), [
      { title: t("operator"), cell: (one) => one.name }, { title: t("roles"), cell: (one) => one.roles.map((role) => word("key.role", role)).join(", ") }, { title: t("key"), cell: (one) => h("code", { title: one.key_sha256 }, hash(one.key_sha256)) },
    ], found.operators, { empty: t("operators.none") }),
  ];
}
