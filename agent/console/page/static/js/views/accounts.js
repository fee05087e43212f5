// Accounts: made, changed, reset and disabled by an administrator. A secret is shown once.

import { at, get, post } from "../api.js";
import { field, form, PageError, show, showError } from "../dialog.js";
import { button, fill, h, icon } from "../dom.js";
import { moment } from "../format.js";
import { mark } from "../marks.js";
import { store } from "../store.js";
import { table } from "../tables.js";
import { t, word } from "../words.js";

const ROLES = ["viewer", "operator", "security-officer", "auditor", "admin"];
const ALONE = ["auditor", "admin"];

export function accountsView() {
  const place = h("div");
  let operators = [];

  async function load() {
    try {
      const [accounts, rules] = await Promise.all([get("/accounts"), get("/commands/rules")]);
      operators = rules.operators;
      draw(accounts.items);
    } catch (error) {
      showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
  }

  function draw(items) {
    fill(place, table(t("nav.accounts"), [
      { title: t("account"), cell: (one) => h("button", { type: "button", class: "link", "data-stop": true, onclick: () => change(one) }, h("b", null, one.account)) },
      { title: t("name"), cell: (one) => one.name },
      { title: t("roles"), cell: (one) => one.roles.map((role) => t(`role.${role}`)).join(", ") },
      { title: t("operator"), cell: (one) => one.operator ?? "–" },
      { title: t("state"), cell: stateMarks },
      { title: t("last.login"), kind: "number", cell: (one) => moment(one.last_login) },
      { title: t("made"), kind: "number", cell: (one) => moment(one.made) },
      { title: t("action"), cell: (one) => [button(t("account.change"), { kind: "small", onclick: () => change(one) }), button(t("account.reset"), { kind: "small", onclick: () => reset(one) })] },
    ], items, { key: (one) => one.account }));
  }

  function controls(found) {
    const name = h("input", { type: "text", name: "name", maxlength: 64, value: found?.name ?? "", autocomplete: "off" });
    const boxes = ROLES.map((role) => h("input", { type: "checkbox", name: "role", "data-role": role, id: `role-${role}`, checked: found?.roles.includes(role) ?? false, onchange: (event) => {
      // Auditor and administrator are each held alone.
      if (event.target.checked) for (const one of boxes) if (one !== event.target && (ALONE.includes(role) || ALONE.includes(one.dataset.role))) one.checked = false;
    } }));
    const operator = h("select", { name: "operator", value: found?.operator ?? "" }, h("option", { value: "" }, t("operator.none")), operators.map((one) => h("option", { value: one.name, disabled: one.account !== null && one.account !== found?.account }, one.account && one.account !== found?.account ? t("operator.taken", { name: one.name, account: one.account }) : `${one.name} · ${one.roles.map((role) => word("key.role", role)).join(", ")}`)));
    if (found?.operator) operator.value = found.operator;
    const nodes = [
      field(t("name"), name),
      h("fieldset", null, h("legend", null, t("roles")), boxes.map((one, n) => h("div", { class: "tick" }, one, h("label", { for: one.id }, h("b", null, t(`role.${ROLES[n]}`)), h("small", null, t(`role.${ROLES[n]}.text`)))))),
      field(t("operator"), operator, t("operator.hint")),
    ];
    const read = () => {
      const roles = boxes.filter((one) => one.checked).map((one) => one.dataset.role);
      if (!name.value.trim()) throw new PageError(t("account.no-name"));
      if (roles.length === 0) throw new PageError(t("account.no-role"));
      return { name: name.value.trim(), roles, operator: operator.value || null };
    };
    return { nodes, read };
  }

  function make() {
    const account = h("input", { type: "text", name: "account", maxlength: 32, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
    const { nodes, read } = controls(null);
    const dialog = show(t("account.make"), form([field(t("account"), account, t("account.hint")), nodes], t("account.make"), async () => {
      const found = await post("/accounts", { account: account.value.trim(), ...read() });
      dialog.close();
      showSecret(found);
      await load();
    }, { cancel: () => dialog.close() }));
    account.focus();
  }

  function change(found) {
    const { nodes, read } = controls(found);
    const disabled = h("input", { type: "checkbox", name: "disabled", checked: found.disabled });
    const dialog = show(`${t("account.change")}: ${found.account}`, form([nodes, field(t("account.disabled"), disabled, t("account.disabled.hint"))], t("save"), async () => {
      await post(at`/accounts/${found.account}`, { ...read(), disabled: disabled.checked });
      dialog.close();
      if (found.account !== store.session.account) await load();
    }, { cancel: () => dialog.close() }));
  }

  function reset(found) {
    const dialog = show(`${t("account.reset")}: ${found.account}`, form([h("p", null, t("account.reset.text"))], t("account.reset"), async () => {
      const answer = await post(at`/accounts/${found.account}/reset`, {});
      dialog.close();
      showSecret(answer);
      await load();
    }, { cancel: () => dialog.close(), kind: "danger" }));
  }

  return { node: [h("div", { class: "tools" }, h("h1", null, t("nav.accounts")), h("span", { class: "gap" }), button(t("account.make"), { kind: "main", name: "person", onclick: make })), place], begin: load };
}

function stateMarks(one) {
  const marks = [];
  if (one.disabled) marks.push(mark("calm", "none", t("account.is-disabled")));
  if (one.locked) marks.push(mark("bad", "lock", t("account.is-locked")));
  if (one.must_change) marks.push(mark("info", "key", t("account.is-new")));
  return marks.length > 0 ? marks : mark("good", "ok", t("account.is-good"));
}

function showSecret({ account, secret }) {
  show(t("secret.title", { account }), [
    h("p", null, t("secret.text")),
    h("code", { class: "secret", "data-secret": true }, secret),
    h("p", { class: "notice" }, icon("clock"), t("secret.hours")),
  ], { id: "secret" });
}
