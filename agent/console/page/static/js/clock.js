// The console's clock, which is the one that the page shows: a wall display may have a wrong one of its own.

let offsetMs = 0;
let known = false;

// `now` is the console's, RFC 3339. The smallest delay seen counts: a slow message says the time too late.
export function hear(now) {
  const found = Date.parse(now) - Date.now();
  if (!Number.isFinite(found)) return;
  if (!known || found > offsetMs || offsetMs - found > 2000) offsetMs = found;
  known = true;
}

// Milliseconds since 1970.
export function nowMs() {
  return Date.now() + offsetMs;
}
