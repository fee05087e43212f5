// Dialogs: the browser's own, which keeps the focus inside and gives it back.

import { ApiError } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { raise } from "./watermark.js";
import { knows, t } from "./words.js";

// Shows `content` under `title`; gives the dialog. It removes itself when closed.
export function show(title, content, { wide = false, onclose, id } = {}) {
  const close = h("button", { type: "button", class: "button quiet bare", "aria-label": t("close"), title: t("close"), onclick: () => dialog.close() }, icon("close"));
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h(
    "dialog",
    { class: wide ? "dialog wide" : "dialog", "aria-labelledby": "dialog-title", "data-dialog": id },
    h("header", null, heading, close),
    h("div", { class: "dialog-body" }, content),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onclose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  raise();
  return dialog;
}

// A form with fields and one thing that it does. `act` may refuse: the refusal is shown, the form stays.
export function form(fields, label, act, { kind = "main", cancel } = {}) {
  const refusal = h("div", { class: "refusal", role: "alert" });
  const submit = button(label, { kind, type: "submit" });
  const whole = h(
    "form",
    { class: "form", novalidate: true },
    fields,
    refusal,
    h("div", { class: "buttons" }, cancel && button(t("cancel"), { kind: "quiet", onclick: cancel }), submit),
  );
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    fill(refusal);
    try {
      await act();
    } catch (error) {
      showError(refusal, error);
    } finally {
      submit.disabled = false;
    }
  });
  return whole;
}

// What was refused, in the person's language when it has words for it, and what to do next.
export function showError(place, error) {
  if (!(error instanceof ApiError)) {
    fill(place, icon("critical"), h("span", null, error.message || t("error.page")));
    if (!(error instanceof PageError)) console.error(error);
    return;
  }
  const key = `error.${error.code}`;
  const text = knows(key) ? t(key) : error.text;
  const wait = error.afterS ? ` ${t("error.wait", { n: error.afterS })}` : "";
  const detail = knows(key) && error.text ? error.text : error.advice;
  fill(place, icon("critical"), h("span", null, text + wait, detail && h("small", null, detail), h("code", null, error.code)));
}

// What the page itself refuses, in the person's words already.
export class PageError extends Error {}

// A labelled field. `hint` stands below and is read out with it.
export function field(label, control, hint) {
  const id = control.id || `f-${(field.count = (field.count ?? 0) + 1)}`;
  control.id = id;
  const note = hint ? h("small", { id: `${id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, note);
}

// A dialog that asks for a reason: some usual ones to take, and a line to write another.
export function askReason(title, text, label, reasons, act, kind) {
  const input = h("input", { type: "text", maxlength: 500, required: true, autocomplete: "off", name: "reason" });
  const usual = reasons.map((reason) => button(reason, { kind: "chip", onclick: () => {
    input.value = reason;
    input.focus();
  } }));
  const body = form(
    [text, h("div", { class: "chips", role: "group", "aria-label": t("reason.usual") }, usual), field(t("reason"), input)],
    label,
    async () => {
      if (!input.value.trim()) throw new PageError(t("reason.missing"));
      await act(input.value.trim());
      dialog.close();
    },
    { kind, cancel: () => dialog.close() },
  );
  const dialog = show(title, body, { id: "reason" });
  input.focus();
}
