// Recordings: what is known of them. There are no pictures here, and no way to them.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { bytes, exact, moment, number } from "../format.js";
import { mark, verdictMark } from "../marks.js";
import { to } from "../router.js";
import { facts, paged, table } from "../tables.js";
import { show } from "../dialog.js";
import { t, word } from "../words.js";
import { boxChoice } from "./choices.js";

export function recordingsView({ query }) {
  const wish = { box: query.get("box") ?? "" };
  const place = h("div");
  const choice = boxChoice(wish.box, draw);
  choice.input.addEventListener("input", () => choice.input.value === "" && draw(""));

  function draw(box) {
    fill(place, recordingList({ box }).place);
  }

  return {
    node: [h("div", { class: "tools" }, h("h1", null, t("nav.recordings")), choice.node, h("span", { class: "dim" }, t("recordings.no-pictures"))), place],
    begin: () => draw(wish.box),
    stop: choice.stop,
  };
}

export function recordingList({ box }) {
  return paged((before) => get("/recordings", { box, before }), (items) => table(t("nav.recordings"), [
    { title: t("opened"), cell: (one) => h("button", { type: "button", class: "link", "data-stop": true, title: exact(one.opened), onclick: () => detail(one) }, moment(one.opened)) },
    { title: t("closed"), cell: (one) => (one.closed ? h("time", { title: exact(one.closed) }, moment(one.closed)) : mark("good", "record", t("recording.on"))) },
    { title: t("box"), cell: (one) => [h("a", { href: to("box", [one.box]), class: "name" }, one.box), h("span", { class: "id" }, one.channel)] },
    { title: t("category"), cell: (one) => [`${one.category ?? "–"} · ${one.level === null ? "–" : t("level.short", { n: one.level })}`, one.emergency ? mark("warn", "warning", t("emergency")) : null] },
    { title: t("scene"), cell: (one) => one.scene ?? "–" },
    { title: t("verdict"), cell: (one) => verdictMark(one.verdict) },
    { title: t("frames"), kind: "number", cell: (one) => (one.frames === null ? "–" : `${number(one.frames)} / ${number(one.frames_expected)}`) },
    { title: t("gaps"), kind: "number", cell: (one) => (one.gaps > 0 ? mark("warn", "warning", number(one.gaps)) : number(one.gaps)) },
    { title: t("size"), kind: "number", cell: (one) => bytes(one.size_bytes) },
    { title: t("retain"), kind: "number", cell: (one) => one.retain_until ?? "–" },
  ], items, { key: (one) => `${one.box}/${one.recording}`, onrow: detail }));
}

function detail(one) {
  show(t("recording"), facts([
    ["ID", h("code", null, one.recording)], [t("box"), one.box], [t("channel"), one.channel],
    [t("opened"), moment(one.opened), exact(one.opened)], [t("closed"), moment(one.closed), exact(one.closed)],
    [t("cause"), one.cause === null ? "–" : word("close", one.cause)], [t("category"), one.category ?? "–"], [t("level"), number(one.level)],
    [t("scene"), one.scene ?? "–"], [t("place"), Array.isArray(one.place) ? one.place.join(", ") : one.place ?? "–"], [t("responsible"), one.responsible ?? "–"],
    [t("ticket"), one.ticket ?? "–"], [t("emergency"), one.emergency === null ? "–" : t(one.emergency ? "yes" : "no")], [t("suite"), one.suite ?? "–"],
    [t("verdict"), verdictMark(one.verdict)], [t("frames"), `${number(one.frames)} / ${number(one.frames_expected)}`], [t("segments"), number(one.segments)],
    [t("gaps"), number(one.gaps)], [t("size"), bytes(one.size_bytes)], [t("retain"), one.retain_until ?? "–"],
  ]), { wide: true });
}
