// The watermark of every page (STD 7.6 c): person, time and terminal, repeated over everything.
//
// Guarantees: it lies above dialogs, takes no clicks, is in print, and its time is never more than 15 s old.
// It is drawn as SVG text, so that it is sharp on a wall and on a photograph. Leaves out who removes it with
// the tools of a browser: what a person did is in the audit record.

import { nowMs } from "./clock.js";
import { fill, svg } from "./dom.js";
import { momentOf, offset } from "./format.js";
import { on, store } from "./store.js";
import { t } from "./words.js";

// In letters of the page (rem), so that it grows with them.
const WIDTH = 33;
const HEIGHT = 13.5;
let place = null;

export function beginWatermark(element) {
  place = element;
  // A dialog is in the browser's top layer: the watermark must be there as well, after it.
  place.setAttribute("popover", "manual");
  for (const topic of ["session", "clock"]) on(topic, draw);
  setInterval(draw, 15_000);
  draw();
}

// To the top of the top layer: called after a dialog opened.
export function raise() {
  if (place.matches(":popover-open")) place.hidePopover();
  place.showPopover();
}

function draw() {
  const mark = store.session?.watermark;
  const time = `${momentOf(new Date(nowMs())).slice(0, 16)} ${offset()}`;
  const first = mark ? mark.person : t("signin.nobody");
  const lines = mark ? [first, `${mark.terminal} · ${mark.site}`, time] : [first, time];
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const texts = lines.map((line, n) => svg("text", { x: 1.5 * rem, y: (6.8 + n * 1.5) * rem, class: n === 0 ? "wm-person" : "wm-line" }, line));
  const pattern = svg(
    "pattern",
    { id: "wm", width: WIDTH * rem, height: HEIGHT * rem, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-24)" },
    texts,
  );
  const whole = svg("svg", { width: "100%", height: "100%" }, svg("defs", null, pattern), svg("rect", { width: "100%", height: "100%", fill: "url(#wm)" }));
  fill(place, whole);
  if (!place.matches(":popover-open")) place.showPopover();
}
