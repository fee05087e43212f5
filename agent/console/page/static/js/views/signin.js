// Sign in, and choose a password.

import { post } from "../api.js";
import { field, form, PageError } from "../dialog.js";
import { button, h, icon } from "../dom.js";
import { chooseLanguage } from "../preferences.js";
import { spoken, t } from "../words.js";

// `take` gets the session.
export function signInPage(take, notice, redraw) {
  const account = h("input", { type: "text", name: "account", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 64, required: true });
  const password = h("input", { type: "password", name: "password", autocomplete: "current-password", maxlength: 256, required: true });
  const body = form(
    [notice && h("p", { class: "notice", role: "status" }, icon("clock"), notice), field(t("account"), account), field(t("password"), password)],
    t("signin"),
    async () => {
      if (!account.value || !password.value) throw new PageError(t("signin.missing"));
      const given = password.value;
      password.value = "";
      take(await post("/login", { account: account.value.trim(), password: given }));
    },
  );
  return gate(t("signin"), body, redraw);
}

// `must`: the person has a one-time secret and can do nothing else.
export function passwordPage(take, { must, back, redraw }) {
  const old = h("input", { type: "password", name: "old", autocomplete: "current-password", maxlength: 256, required: true });
  const wanted = h("input", { type: "password", name: "new", autocomplete: "new-password", maxlength: 128, required: true });
  const again = h("input", { type: "password", name: "again", autocomplete: "new-password", maxlength: 128, required: true });
  const body = form(
    [
      must && h("p", { class: "notice" }, icon("key"), t("password.must")),
      field(must ? t("password.secret") : t("password.old"), old),
      field(t("password.new"), wanted, t("password.hint")),
      field(t("password.again"), again),
    ],
    t("password.change"),
    async () => {
      if (wanted.value !== again.value) throw new PageError(t("password.differ"));
      take(await post("/password", { old: old.value, new: wanted.value }));
    },
    { cancel: back },
  );
  return gate(t("password.change"), body, redraw);
}

function gate(title, body, redraw) {
  const other = spoken() === "en" ? ["zh", "中文"] : ["en", "English"];
  const change = button(other[1], { kind: "quiet", lang: other[0] === "zh" ? "zh-CN" : "en", onclick: () => {
    chooseLanguage(other[0]);
    redraw();
  } });
  return h(
    "main",
    { id: "main", class: "gate" },
    h(
      "section",
      { class: "gate-card", "aria-labelledby": "gate-title" },
      h("div", { class: "gate-brand" }, icon("mark"), h("span", null, h("strong", null, "edgeward"), h("span", null, t("product.line")))),
      h("h1", { id: "gate-title" }, title),
      body,
      h("footer", null, h("p", null, t("signin.watched")), change),
    ),
  );
}
