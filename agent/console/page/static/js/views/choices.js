// A choice of a box by typing a part of its name: a list of a thousand is no menu.

import { fill, h } from "../dom.js";
import { on, store } from "../store.js";
import { t } from "../words.js";

let lists = 0;

// `chosen` is called with the name of a box that there is. Gives `{node, input, value, stop}`.
export function boxChoice(first, chosen = () => {}) {
  const id = `boxes-${(lists += 1)}`;
  const names = h("datalist", { id });
  const input = h("input", { type: "text", name: "box", list: id, value: first, placeholder: t("box.choose"), "aria-label": t("box"), autocomplete: "off", spellcheck: "false", oninput: () => store.boxes.has(input.value) && chosen(input.value) });
  const draw = () => {
    const known = [...store.boxes.values()].sort((one, other) => (one.box < other.box ? -1 : 1));
    if (names.childElementCount !== known.length) fill(names, known.map((box) => h("option", { value: box.box }, box.site ?? "")));
  };
  draw();
  return { node: h("span", { class: "box-choice" }, input, names), input, value: () => input.value.trim(), stop: on("boxes", draw) };
}
