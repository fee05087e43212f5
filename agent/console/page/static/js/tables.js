// Tables with headers, for lists of a hundred rows; longer ones have "show more".

import { showError } from "./dialog.js";
import { button, fill, h } from "./dom.js";
import { t } from "./words.js";

// `columns`: `{title, cell: row => node or text, kind}`; `kind` is "number", "wide", "narrow" or nothing.
export function table(caption, columns, rows, { key, onrow, empty, rowClass } = {}) {
  if (rows.length === 0) return h("p", { class: "empty" }, empty ?? t("none.here"));
  const head = h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.kind }, column.title)));
  const body = rows.map((row) => tableRow(columns, row, { key, onrow, rowClass }));
  return h(
    "div",
    { class: "table-frame", tabindex: 0, role: "region", "aria-label": caption },
    h("table", null, h("caption", { class: "unseen" }, caption), h("thead", null, head), h("tbody", null, body)),
  );
}

function tableRow(columns, row, { key, onrow, rowClass }) {
  const cells = columns.map((column) => h("td", { class: column.kind }, column.cell(row)));
  const onclick = onrow && ((event) => {
    if (!event.target.closest("a, button, input, label, summary")) onrow(row);
  });
  const classes = [onrow && "can-open", rowClass?.(row)].filter(Boolean).join(" ");
  return h("tr", { "data-key": key?.(row), class: classes || null, onclick }, cells);
}

// A list that is asked for in pages: `ask(before)` gives `{items, next}`, `draw(items)` a node. Gives its place, and
// ways to ask anew and to draw anew what is known.
export function paged(ask, draw) {
  const place = h("div", { class: "paged" });
  let items = [];
  let next = null;
  const redraw = () => {
    const more = next && button(t("more"), { kind: "quiet", name: "down", onclick: () => load(next) });
    fill(place, draw(items), more && h("div", { class: "more" }, more));
  };
  const load = async (before) => {
    place.setAttribute("aria-busy", "true");
    try {
      const page = await ask(before);
      items = before ? [...items, ...page.items] : page.items;
      ({ next } = page);
      redraw();
    } catch (error) {
      showError(fill(place, h("div", { class: "refusal", role: "alert" })).firstChild, error);
    }
    place.removeAttribute("aria-busy");
  };
  load(null);
  return { place, redraw, reload: () => load(null) };
}

// Pairs of a name and a value.
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, value, title]) => h("div", null, h("dt", null, name), h("dd", { title }, value ?? "–"))),
  );
}
