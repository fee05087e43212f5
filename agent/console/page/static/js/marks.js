// States as a symbol and a word: the colour only repeats what they say.

import { h, icon } from "./dom.js";
import { t, word } from "./words.js";

// `tone` is good, warn, bad, info or calm.
export function mark(tone, symbol, text, title) {
  return h("span", { class: `mark ${tone}`, title }, icon(symbol), h("span", null, text));
}

const STATUS = {
  online: ["good", "online"],
  maintenance: ["info", "wrench"],
  draining: ["info", "draining"],
  offline: ["bad", "offline"],
  unknown: ["calm", "unknown"],
};

export function statusMark(box) {
  if (box.silent) return mark("bad", "silent", t("status.silent"));
  const [tone, symbol] = STATUS[box.status] ?? STATUS.unknown;
  if (box.status === "offline") {
    return mark(box.cause === "stopped" ? "calm" : "bad", symbol, word("status.offline", box.cause ?? "lost"));
  }
  return mark(tone, symbol, word("status", box.status));
}

const SIGNAL = { present: ["good", "signal"], absent: ["bad", "no-signal"], unknown: ["calm", "unknown"] };

export function signalMark(channel) {
  const [tone, symbol] = SIGNAL[channel.signal] ?? SIGNAL.unknown;
  return mark(tone, symbol, word("signal", channel.signal));
}

export function recordingMark(channel) {
  return channel.recording ? mark("good", "record", t("recording.on")) : mark("calm", "idle", t("recording.off"));
}

const VERDICT = { conforming: ["good", "ok"], degraded: ["warn", "warning"], nonconforming: ["bad", "critical"] };

export function verdictMark(verdict) {
  if (verdict === null || verdict === undefined) return mark("calm", "none", t("verdict.none"));
  const [tone, symbol] = VERDICT[verdict] ?? ["calm", "unknown"];
  return mark(tone, symbol, word("verdict", verdict));
}

export function severityMark(severity) {
  return severity === "critical" ? mark("bad", "critical", t("severity.critical")) : mark("warn", "warning", t("severity.warning"));
}

const ALARM = { raised: ["bad", "bell"], acknowledged: ["info", "person"], closed: ["calm", "ok"] };

export function alarmStateMark(alarm) {
  const [tone, symbol] = ALARM[alarm.state] ?? ["calm", "unknown"];
  return mark(alarm.state === "raised" && alarm.severity === "warning" ? "warn" : tone, symbol, word("alarm.state", alarm.state));
}

const COMMAND = {
  waiting: ["warn", "person"],
  queued: ["info", "clock"],
  sent: ["info", "send"],
  accepted: ["info", "send"],
  succeeded: ["good", "ok"],
  failed: ["bad", "critical"],
  rejected: ["bad", "critical"],
  expired: ["bad", "clock"],
  withdrawn: ["calm", "none"],
  unanswered: ["bad", "silent"],
  stale: ["calm", "clock"],
};

export function commandMark(state) {
  const [tone, symbol] = COMMAND[state] ?? ["calm", "unknown"];
  return mark(tone, symbol, word("command.state", state));
}

const FINDING = { pass: ["good", "ok"], warn: ["warn", "warning"], fail: ["bad", "critical"], skip: ["calm", "none"], crash: ["bad", "broken"] };

export function findingMark(status) {
  const [tone, symbol] = FINDING[status] ?? ["calm", "unknown"];
  return mark(tone, symbol, word("finding", status));
}

const RESULT = { 0: ["good", "ok"], 1: ["bad", "critical"], 2: ["warn", "warning"] };

export function resultMark(check) {
  const [tone, symbol] = RESULT[check.result] ?? ["calm", "unknown"];
  return mark(tone, symbol, word("check.result", check.result));
}
