// Numbers and times for people. Unknown is a dash, never 0.

import { nowMs } from "./clock.js";
import { t, tag } from "./words.js";

export const NONE = "–";

function unknown(value) {
  return value === null || value === undefined || value === "";
}

export function number(value, digits = 0) {
  if (unknown(value)) return NONE;
  return Number(value).toLocaleString(tag(), { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];

export function bytes(value) {
  return scaled(value, BYTES);
}

export function bits(value) {
  return scaled(value, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
}

function scaled(value, units) {
  if (unknown(value)) return NONE;
  let found = Number(value);
  let at = 0;
  while (Math.abs(found) >= 1000 && at < units.length - 1) {
    found /= 1000;
    at += 1;
  }
  return `${number(found, at === 0 ? 0 : found < 10 ? 2 : found < 100 ? 1 : 0)} ${units[at]}`;
}

export function rate(value) {
  return unknown(value) ? NONE : `${number(value, 2)} Hz`;
}

export function mode(values) {
  if (unknown(values?.width) || unknown(values?.height)) return NONE;
  return `${values.width} × ${values.height}`;
}

function two(value) {
  return String(value).padStart(2, "0");
}

// Local date and time, to the second: 2026-11-24 08:20:00.
export function moment(text) {
  if (unknown(text)) return NONE;
  return momentOf(new Date(text));
}

export function momentOf(at) {
  if (Number.isNaN(at.getTime())) return NONE;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockOf(at)}`;
}

export function clockOf(at) {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

// The time alone when it is of today, else the date as well.
export function short(text) {
  if (unknown(text)) return NONE;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return NONE;
  const today = new Date(nowMs());
  const sameDay = at.toDateString() === today.toDateString();
  return sameDay ? clockOf(at) : `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

// UTC, to the microsecond, as it was said: for tool tips.
export function exact(text) {
  return unknown(text) ? "" : String(text);
}

export function offset() {
  const minutes = -new Date(nowMs()).getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  const above = Math.abs(minutes);
  return `UTC${sign}${two(Math.floor(above / 60))}:${two(above % 60)}`;
}

const STEPS = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

// A duration with its largest units: 3 h 12 min.
export function duration(seconds, units = 2) {
  if (unknown(seconds)) return NONE;
  let left = Math.max(0, Math.round(Number(seconds)));
  const parts = [];
  for (const [size, name] of STEPS) {
    const count = Math.floor(left / size);
    if (count > 0 || (size === 1 && parts.length === 0)) parts.push(t(`unit.${name}`, { n: count }));
    left -= count * size;
    if (parts.length === units || (parts.length === 1 && count === 0)) break;
  }
  return parts.join(" ");
}

// Seconds since `text`, on the console's clock; null when unknown.
export function age(text) {
  if (unknown(text)) return null;
  return Math.max(0, (nowMs() - Date.parse(text)) / 1000);
}

export function ago(text) {
  const seconds = age(text);
  return seconds === null ? NONE : t("ago", { time: duration(seconds, 1) });
}

// The first digits of a hash, as they are compared by eye.
export function hash(text) {
  return unknown(text) ? NONE : `${String(text).slice(0, 16)}…`;
}
