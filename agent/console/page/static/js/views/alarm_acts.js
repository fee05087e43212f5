// Acknowledge and close, one or many: always with a reason, which is kept with the person's name.

import { post } from "../api.js";
import { alarmTitle } from "../alarm_words.js";
import { askReason } from "../dialog.js";
import { h } from "../dom.js";
import { say } from "../heralds.js";
import { takeAlarms } from "../store.js";
import { severityMark } from "../marks.js";
import { t } from "../words.js";

const MOST = 200;
const NAMED = 6;

export function acknowledge(alarms, done) {
  ask("acknowledge", alarms, ["reason.looking", "reason.known", "reason.called", "reason.maintenance"], done);
}

export function close(alarms, done) {
  ask("close", alarms, ["reason.repaired", "reason.planned", "reason.false"], done);
}

function ask(act, alarms, reasons, done) {
  const chosen = alarms.slice(0, MOST);
  const named = chosen.slice(0, NAMED).map((alarm) => h("li", null, severityMark(alarm.severity), h("b", null, alarm.box ?? t("the.console")), h("span", null, alarmTitle(alarm))));
  const text = [h("ul", { class: "named" }, named), chosen.length > NAMED && h("p", { class: "dim" }, t("and.more", { n: chosen.length - NAMED }))];
  askReason(t(`alarm.${act}.title`, { n: chosen.length }), text, t(act === "close" ? "alarm.close" : "acknowledge"), reasons.map((key) => t(key)), async (reason) => {
    const answer = await post(`/alarms/${act}`, { ids: chosen.map((alarm) => alarm.id), reason });
    takeAlarms(answer.items);
    say(t(`alarm.${act}.done`, { n: answer.items.length }));
    done?.();
  });
}
