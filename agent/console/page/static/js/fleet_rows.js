// Which boxes the fleet shows, in which order, and how many have something. Pure: values in, values out.

const LATE_S = 60;

// What can be wrong with a box or a channel; each is a filter of the fleet's page.
export const CONDITIONS = {
  offline: (box) => box.silent || (box.status === "offline" && box.cause !== "stopped"),
  alarms: (box) => box.alarms.critical + box.alarms.warning > 0,
  "no-signal": (box) => isOld(box) || channels(box).some((channel) => channel.signal !== "present"),
  idle: (box) => isOld(box) || channels(box).some((channel) => !channel.recording),
  verdict: (box) => !isOld(box) && channels(box).some(isWrong),
  unwitnessed: (box) => (box.ledger.unwitnessed_s ?? 0) > LATE_S,
  hostile: (box) => box.refused > 0 || box.missing > 0 || box.lost_messages > 0,
};

export function channels(box) {
  return Object.values(box.channels);
}

// True when what is known of the box is old: it went, or it says nothing.
export function isOld(box) {
  return box.silent || box.status === "offline" || box.status === "unknown";
}

function isWrong(channel) {
  return channel.verdict === "degraded" || channel.verdict === "nonconforming";
}

// The numbers above the table.
export function summary(boxes) {
  const found = { boxes: 0, online: 0, offline: 0, channels: 0, signal: 0, recording: 0, wrong: 0, unwitnessed: 0, tail: 0, hostile: 0 };
  for (const box of boxes) {
    found.boxes += 1;
    if (["online", "maintenance", "draining"].includes(box.status) && !box.silent) found.online += 1;
    if (CONDITIONS.offline(box)) found.offline += 1;
    if (CONDITIONS.unwitnessed(box)) found.unwitnessed += 1;
    if (CONDITIONS.hostile(box)) found.hostile += 1;
    found.tail = Math.max(found.tail, box.ledger.unwitnessed_s ?? 0);
    for (const channel of channels(box)) {
      found.channels += 1;
      if (isOld(box)) continue; // nobody knows what it has now
      if (channel.signal === "present") found.signal += 1;
      if (channel.recording) found.recording += 1;
      if (isWrong(channel)) found.wrong += 1;
    }
  }
  return found;
}

// `{search, ward, condition}`; every word of the search must be in the box's names or in a channel's.
export function chosen(boxes, { search, ward, condition }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const has = CONDITIONS[condition];
  return [...boxes].filter((box) => {
    if (ward && (box.site ?? "") !== ward) return false;
    if (has && !has(box)) return false;
    if (words.length === 0) return true;
    const text = [box.box, box.site, ...Object.entries(box.channels).flatMap(([id, channel]) => [id, channel.name, channel.category])].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const collator = new Intl.Collator(undefined, { numeric: true });

function byName(one, other) {
  return collator.compare(one.box, other.box);
}

function urgency(box) {
  return box.alarms.unacknowledged * 1e6 + box.alarms.critical * 1e3 + box.alarms.warning + (CONDITIONS.offline(box) ? 0.5 : 0);
}

function oldestDurable(box) {
  const times = channels(box).filter((channel) => channel.recording).map((channel) => channel.durable_at ?? "");
  return times.length === 0 ? "~" : times.sort()[0];
}

// In each order a box with more to look at comes first.
export const ORDERS = {
  ward: (one, other) => collator.compare(one.site ?? "\uffff", other.site ?? "\uffff") || byName(one, other),
  name: byName,
  alarms: (one, other) => urgency(other) - urgency(one) || byName(one, other),
  durable: (one, other) => (oldestDurable(one) < oldestDurable(other) ? -1 : oldestDurable(one) > oldestDurable(other) ? 1 : byName(one, other)),
  unwitnessed: (one, other) => (other.ledger.unwitnessed_s ?? -1) - (one.ledger.unwitnessed_s ?? -1) || byName(one, other),
  heard: (one, other) => ((one.heard ?? "") < (other.heard ?? "") ? -1 : (one.heard ?? "") > (other.heard ?? "") ? 1 : byName(one, other)),
};

// One row for each channel; the box's own cells are in the first one. With the order "ward" each ward has a heading.
export function rows(boxes, order, headingOf) {
  const found = [];
  let ward;
  const sorted = boxes.sort(ORDERS[order] ?? ORDERS.ward);
  const groups = new Map();
  for (const box of sorted) {
    const site = box.site ?? null;
    if (!groups.has(site)) groups.set(site, []);
    groups.get(site).push(box);
  }
  for (const [at, box] of sorted.entries()) {
    if (order === "ward" && (at === 0 || (box.site ?? null) !== ward)) {
      ward = box.site ?? null;
      found.push(headingOf(ward, groups.get(ward)));
    }
    const entries = Object.entries(box.channels);
    if (entries.length === 0) entries.push(["", null]);
    entries.forEach(([id, channel], n) => {
      found.push({ key: `${box.box}/${id}`, box, id, channel, first: n === 0, class: `${n === 0 ? "v-first" : ""}${isOld(box) ? " v-old" : ""}` });
    });
  }
  return found;
}

export function wards(boxes) {
  return [...new Set([...boxes].map((box) => box.site).filter(Boolean))].sort(collator.compare);
}

// True when a recording channel's last durable second is long ago, for the console's clock `nowMs`.
export function isLate(channel, nowMs) {
  return Boolean(channel.recording) && channel.durable_at !== null && nowMs - Date.parse(channel.durable_at) > LATE_S * 1000;
}

// What differs from the specification: "mode", "rate" or nothing. The box judges; this only points at it.
export function differs(channel) {
  const { width, height, rate } = channel.required ?? {};
  if (channel.signal !== "present") return null;
  if (width && channel.width && (width !== channel.width || height !== channel.height)) return "mode";
  if (rate && channel.rate && Math.abs(channel.rate - rate) > rate * 0.005) return "rate";
  return null;
}
