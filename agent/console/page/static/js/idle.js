// The end of a session that nobody uses.
//
// Guarantees: what the page asks by itself (curves, lists that change) does not keep a person signed in: without
// a key, a press or a wheel for `idle_s` of the session, the page signs off. A person who only reads and scrolls
// keeps the session: the console is told at most once a minute. A minute before the end the page says so.

import { get } from "./api.js";
import { on, store, tell } from "./store.js";

const TOLD_EVERY_MS = 60_000;
const WARNED_S = 60;
let usedAt = 0;
let toldAt = 0;
let left = null;

// `end` is called when the time is over.
export function beginIdle(end) {
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, used, { passive: true, capture: true });
  on("session", () => {
    usedAt = toldAt = performance.now();
  });
  on("clock", () => look(end));
}

function used() {
  usedAt = performance.now();
  if (!store.session || usedAt - toldAt < TOLD_EVERY_MS) return;
  toldAt = usedAt;
  // What it refuses is told by api.js; a console that does not answer is seen by the stream.
  get("/session").catch(() => {});
}

function look(end) {
  if (!store.session) return;
  const seconds = store.session.idle_s - (performance.now() - usedAt) / 1000;
  if (seconds <= 0) {
    end();
    return;
  }
  const warned = seconds <= WARNED_S ? Math.ceil(seconds) : null;
  if (warned !== left) tell("idle", warned);
  left = warned;
}
