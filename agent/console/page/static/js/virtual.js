// A table of thousands of rows, of which only those in sight are in the page.
//
// Guarantees: rows have one height and are patched cell by cell, so a cell that did not change keeps its
// nodes, the focus with them; a row with the focus stays even when it is scrolled away; for print all rows
// are drawn. To a screen reader it is a table with headers and its true number of rows. The caller says what
// a cell shows by `text(row)`: equal texts mean an equal cell.

import { fill, h } from "./dom.js";

const OVERSCAN = 10;
const REM_PER_ROW = 2.05;

export class VirtualTable {
  // `columns`: `{id, title: node or text, kind, text: row => string, cell: row => node}`.
  constructor(caption, columns) {
    this.columns = columns;
    this.rows = [];
    this.drawn = new Map();
    this.headings = h("div", { role: "row", class: "v-row v-head", "aria-rowindex": 1 });
    this.sheet = h("div", { class: "v-sheet", role: "rowgroup" });
    this.empty = h("p", { class: "empty", hidden: true });
    this.scroller = h("div", { class: "v-scroll" }, this.sheet, this.empty);
    this.node = h("div", { class: "v-table", role: "table", "aria-label": caption }, h("div", { role: "rowgroup" }, this.headings), this.scroller);
    this.scroller.addEventListener("scroll", () => this.render(), { passive: true });
    this.observer = new ResizeObserver(() => this.render());
    this.observer.observe(this.scroller);
    this.printing = false;
    this.onPrint = (event) => {
      this.printing = event.type === "beforeprint";
      this.render();
    };
    addEventListener("beforeprint", this.onPrint);
    addEventListener("afterprint", this.onPrint);
    this.head();
  }

  stop() {
    this.observer.disconnect();
    removeEventListener("beforeprint", this.onPrint);
    removeEventListener("afterprint", this.onPrint);
  }

  // The headings anew: another column sorts.
  head() {
    const buttons = () => [...this.headings.querySelectorAll("button")];
    const focused = buttons().indexOf(document.activeElement);
    fill(this.headings, this.columns.map((column) => h("div", { role: "columnheader", class: `v-cell ${column.kind ?? ""}`, "aria-sort": column.sorted ?? null }, column.title)));
    buttons()[focused]?.focus();
  }

  // `rows`: `{key, …}`; a row with `heading` goes over the whole width.
  show(rows, emptyText) {
    this.rows = rows;
    this.node.setAttribute("aria-rowcount", String(rows.length + 1));
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = emptyText;
    this.render();
  }

  render() {
    const height = Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * REM_PER_ROW);
    const inSight = Math.ceil(this.scroller.clientHeight / height) || 40;
    const first = this.printing ? 0 : Math.max(0, Math.floor(this.scroller.scrollTop / height) - OVERSCAN);
    const last = this.printing ? this.rows.length : Math.min(this.rows.length, first + inSight + 2 * OVERSCAN);
    this.sheet.style.height = `${this.rows.length * height}px`;
    const wanted = new Set();
    let before = null;
    for (let at = first; at < last; at += 1) {
      const row = this.rows[at];
      wanted.add(row.key);
      before = this.place(row, at, height, before);
    }
    for (const [key, drawn] of this.drawn) {
      if (wanted.has(key) || drawn.element.contains(document.activeElement)) continue;
      drawn.element.remove();
      this.drawn.delete(key);
    }
  }

  place(row, at, height, before) {
    let drawn = this.drawn.get(row.key);
    if (!drawn) {
      drawn = { element: h("div", { role: "row", class: "v-row", "data-key": row.key }), texts: [], cells: [] };
      this.drawn.set(row.key, drawn);
    }
    const { element } = drawn;
    // In the order of the rows, so that the keyboard goes from one to the next.
    if (element.parentNode !== this.sheet) this.sheet.insertBefore(element, before ? before.nextSibling : this.sheet.firstChild);
    else if (before && before.nextSibling !== element && !element.contains(document.activeElement)) before.after(element);
    element.style.transform = `translateY(${at * height}px)`;
    element.style.height = `${height}px`;
    element.setAttribute("aria-rowindex", String(at + 2));
    element.className = `v-row ${row.class ?? ""}`;
    if (row.heading) this.patchHeading(drawn, row);
    else this.patch(drawn, row);
    return element;
  }

  patchHeading(drawn, row) {
    if (drawn.texts[0] === row.text) return;
    drawn.texts = [row.text];
    fill(drawn.element, h("div", { role: "rowheader", class: "v-group", "aria-colspan": this.columns.length }, row.heading()));
  }

  patch(drawn, row) {
    if (drawn.cells.length === 0) {
      drawn.cells = this.columns.map((column) => h("div", { role: "cell", class: `v-cell ${column.kind ?? ""}` }));
      fill(drawn.element, drawn.cells);
    }
    this.columns.forEach((column, n) => {
      const text = column.text(row);
      if (drawn.texts[n] === text) return;
      drawn.texts[n] = text;
      fill(drawn.cells[n], text === "" ? null : column.cell(row));
    });
  }
}
