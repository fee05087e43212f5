// What an alarm is called. The box's own text is English; codes that the page knows have words in each language.

import { knows, t } from "./words.js";

export function alarmTitle(alarm) {
  const key = `code.${alarm.code}`;
  return knows(key) ? t(key) : alarm.code;
}

const RANK = { raised: 0, acknowledged: 1, closed: 2 };

// Alarms first that nobody has seen, critical before warning, then the newest.
export function byUrgency(one, other) {
  return (
    RANK[one.state] - RANK[other.state] ||
    (one.severity === "critical" ? 0 : 1) - (other.severity === "critical" ? 0 : 1) ||
    (one.raised < other.raised ? 1 : -1)
  );
}

// How many there are: `{critical, warning, raised}`.
export function counted(alarms) {
  const found = { critical: 0, warning: 0, raised: 0 };
  for (const alarm of alarms) {
    found[alarm.severity] += 1;
    if (alarm.state === "raised") found.raised += 1;
  }
  return found;
}
