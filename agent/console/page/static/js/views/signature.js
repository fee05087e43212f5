// Who signs and how: with a key file in this page, or elsewhere with the note as a file.

import { button, fill, h, icon } from "../dom.js";
import { form, PageError, showError } from "../dialog.js";
import { forgetKey, heldKey, holdKey, signed } from "../signing.js";
import { store } from "../store.js";
import { t } from "../words.js";

const MOST = 65_536;

// `note`: the text, or the note as it stands. `give(note)` hands the signed one in.
export function signaturePanel({ note, fileName, give, label }) {
  if (!store.session.operator) return h("p", { class: "notice" }, icon("lock"), t("sign.no-operator"));
  const place = h("div", { class: "signature" });
  const wanted = `edgeward.operator/${store.session.operator}`;

  function draw() {
    const key = heldKey();
    fill(place, h("div", { class: "ways" }, key ? withKey(key) : choose(), elsewhere()));
  }

  function choose() {
    const refusal = h("div", { class: "refusal", role: "alert" });
    const file = h("input", { type: "file", name: "key", id: "key-file", onchange: async () => {
      try {
        const found = await holdKey(file.files[0]);
        if (found.name !== wanted) {
          forgetKey();
          throw new PageError(t("key.other", { name: found.name, wanted }));
        }
        draw();
      } catch (error) {
        showError(refusal, error);
      }
    } });
    return h("section", { class: "way" }, h("h3", null, icon("key"), t("sign.here")), h("p", { class: "dim" }, t("sign.here.text")), h("label", { for: "key-file", class: "file" }, t("key.choose")), file, refusal);
  }

  function withKey(key) {
    const act = form([h("p", null, t("key.held", { name: key.name, id: key.id }))], label, async () => give(await signed(note)));
    act.querySelector(".buttons").prepend(button(t("key.forget"), { kind: "quiet", onclick: () => {
      forgetKey();
      draw();
    } }));
    return h("section", { class: "way" }, h("h3", null, icon("key"), t("sign.here")), act);
  }

  function elsewhere() {
    const refusal = h("div", { class: "refusal", role: "alert" });
    const file = h("input", { type: "file", name: "note", id: "note-file", onchange: async () => {
      try {
        if (file.files[0].size > MOST) throw new PageError(t("note.bad"));
        await give(await file.files[0].text());
      } catch (error) {
        showError(refusal, error);
      }
      file.value = "";
    } });
    return h(
      "section",
      { class: "way" },
      h("h3", null, icon("download"), t("sign.elsewhere")),
      h("p", { class: "dim" }, t("sign.elsewhere.text")),
      h("code", { class: "line" }, `edgeward command sign ${fileName} -k ${store.session.operator}.key`),
      h("div", { class: "buttons" }, button(t("note.download"), { name: "download", onclick: () => download(note, fileName) }), h("label", { for: "note-file", class: "file" }, t("note.upload")), file),
      refusal,
    );
  }

  draw();
  return place;
}

function download(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // a slow browser may not have read it yet
}
