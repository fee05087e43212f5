// The facts of an event in one line: `name: value`, as the box said them.

import { h } from "../dom.js";
import { bytes, duration, moment } from "../format.js";
import { word } from "../words.js";

const LEFT_OUT = new Set(["leaf", "channel", "root", "capsule_sha256", "ranges", "plan", "command"]);
const MOST_LETTERS = 200;

export function eventLine({ body }) {
  const parts = Object.entries(body).filter(([name, value]) => !LEFT_OUT.has(name) && value !== null);
  const line = parts.map(([name, value]) => h("span", { class: "pair" }, h("small", null, word("fact", name)), " ", said(name, value)));
  const leaf = body.leaf === undefined ? null : h("span", { class: "pair" }, h("small", null, word("fact", "leaf")), ` ${body.leaf}`);
  return [line, leaf];
}

function said(name, value) {
  if (name === "from" || name === "to" || name === "end") return moment(value);
  if (name === "size_bytes") return bytes(value);
  if (name === "duration_ms" || name === "step_ms") return name === "step_ms" ? `${value} ms` : duration(value / 1000);
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text;
}
