// The audit record: who did what here, and whether its chain of hashes holds.

import { get } from "../api.js";
import { showError } from "../dialog.js";
import { button, fill, h } from "../dom.js";
import { exact, hash, moment, number } from "../format.js";
import { mark } from "../marks.js";
import { paged, table } from "../tables.js";
import { knows, t, word } from "../words.js";

const ACTIONS = ["login", "logout", "password", "alarm.acknowledge", "alarm.close", "command.draft", "command.sign", "command.withdraw", "rebirth", "box.forget", "account.make", "account.change", "account.reset", "audit.read", "console.start", "console.stop"];

export function auditView() {
  const account = h("input", { type: "search", placeholder: t("account"), "aria-label": t("account"), onchange: draw });
  const box = h("input", { type: "search", placeholder: t("box"), "aria-label": t("box"), onchange: draw });
  const action = h("select", { "aria-label": t("action"), onchange: draw }, h("option", { value: "" }, t("action.all")), ACTIONS.map((one) => h("option", { value: one }, word("action", one))));
  const place = h("div");
  const chain = h("div", { role: "status", class: "chain" });

  function draw() {
    const list = paged((before) => get("/audit", { account: account.value.trim(), action: action.value, box: box.value.trim(), before }), (items) => table(t("nav.audit"), [
      { title: t("number"), kind: "number", cell: (one) => String(one.id) },
      { title: t("time"), cell: (one) => h("time", { title: exact(one.at) }, moment(one.at)) },
      { title: t("account"), cell: (one) => one.account ?? "–" },
      { title: t("terminal"), cell: (one) => one.terminal ?? "–" },
      { title: t("action"), cell: (one) => word("action", one.action) },
      { title: t("result"), cell: (one) => (one.result === "done" ? mark("calm", "ok", t("audit.done")) : mark("warn", "lock", t("audit.refused"), one.code ?? "")) },
      { title: t("box"), cell: (one) => one.box ?? "" },
      { title: t("object"), cell: (one) => (one.object ? h("code", null, one.object) : "") },
      { title: t("detail"), kind: "wide", cell: (one) => [one.detail ?? "", one.code && h("span", null, " ", knows(`error.${one.code}`) ? t(`error.${one.code}`) : h("code", null, one.code))] },
      { title: t("hash"), cell: (one) => h("code", { title: one.hash }, hash(one.hash)) },
    ], items, { key: (one) => one.id, rowClass: (one) => one.result }));
    fill(place, list.place);
  }

  async function verify() {
    fill(chain, h("span", { class: "dim" }, t("audit.counting")));
    try {
      const found = await get("/audit/verify");
      fill(chain, found.ok ? mark("good", "shield", t("audit.good", { n: number(found.records) })) : mark("bad", "broken", t("audit.broken", { n: found.broken_at })), h("code", { title: found.head ?? "" }, hash(found.head)));
    } catch (error) {
      showError(chain, error);
    }
  }

  return {
    node: [h("div", { class: "tools" }, h("h1", null, t("nav.audit")), account, action, box, h("span", { class: "gap" }), chain, button(t("audit.verify"), { name: "shield", onclick: verify })), place],
    begin: draw,
  };
}
