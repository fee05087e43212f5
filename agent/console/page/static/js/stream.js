// The event stream, kept open: server-sent events, each laid into the store.
//
// Guarantees: a stream that says nothing for 40 s counts as dead (the console speaks every 15 s) and is
// opened anew, after 1 s, 2 s, 4 s … at most 15 s; it goes on after the last event it had. The end of the
// session is told once. What the page shows while it is lost is what was last known: the shell says so.

import { ApiError, get } from "./api.js";
import { hear } from "./clock.js";
import * as state from "./store.js";

const SILENT_MS = 40_000;
const LONGEST_MS = 15_000;
const TAKERS = {
  snapshot: (data) => state.takeSnapshot(data),
  boxes: (data) => state.takeBoxes(data.boxes),
  measured: (data) => state.takeMeasured(data.m),
  alarms: (data) => state.takeAlarms(data.alarms),
  commands: (data) => state.takeCommands(data.commands),
  checks: (data) => state.tell("checks", data),
  console: (data) => {
    state.store.console = data;
    state.tell("console", data);
  },
};

let source = null;
let lastId = "";
let heardAt = 0;
let failures = 0;
let timer = null;
let watch = null;
let asking = 0; // which asking for the session counts: the newest

export function openStream() {
  closeStream();
  lastId = "";
  watch = setInterval(look, 5000);
  connect();
}

export function closeStream() {
  asking += 1;
  source?.close();
  source = null;
  clearTimeout(timer);
  clearInterval(watch);
  timer = watch = null;
}

function connect() {
  source?.close();
  heardAt = performance.now();
  source = new EventSource(`/api/v1/stream${lastId ? `?after=${encodeURIComponent(lastId)}` : ""}`);
  for (const [name, take] of Object.entries(TAKERS)) source.addEventListener(name, (event) => heard(event, take));
  source.addEventListener("bye", () => again());
  source.addEventListener("error", () => again());
}

function heard(event, take) {
  heardAt = performance.now();
  failures = 0;
  const data = JSON.parse(event.data);
  if (event.lastEventId) lastId = event.lastEventId;
  if (data.now) hear(data.now);
  take(data);
  setLink("live");
}

function look() {
  if (source !== null && performance.now() - heardAt > SILENT_MS) again();
}

// An EventSource does not say why it failed: the session is asked.
function again() {
  source?.close();
  source = null;
  if (timer !== null) return;
  setLink("lost");
  const waitMs = Math.min(LONGEST_MS, 1000 * 2 ** failures);
  failures = Math.min(failures + 1, 10);
  timer = setTimeout(async () => {
    const mine = (asking += 1);
    try {
      await get("/session");
    } catch (error) {
      if (mine !== asking) return;
      timer = null;
      // The end of the session was told by api.js, which closes this stream.
      if (!(error instanceof ApiError && error.status === 401)) again();
      return;
    }
    if (mine !== asking) return;
    timer = null;
    connect();
  }, waitMs);
}

function setLink(link) {
  if (state.store.link === link) return;
  state.store.link = link;
  state.tell("link", link);
}
