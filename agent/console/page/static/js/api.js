// The console's HTTP API (docs/formats/console-api-v1.md).
//
// Guarantees: every refusal is an ApiError with the API's stable code; whatever ends the session is told to
// `onEnded` once. Leaves out the event stream (stream.js).

const PREFIX = "/api/v1";
let csrf = "";
let ended = () => {};

export class ApiError extends Error {
  constructor(status, { code, text, advice }, afterS) {
    super(text);
    Object.assign(this, { status, code, text, advice, afterS });
  }
}

// Called with the code when a request finds no session any more.
export function onEnded(listener) {
  ended = listener;
}

// The token that every request but GET carries.
export function keepCsrf(token) {
  csrf = token;
}

export function get(path, query = {}) {
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(asked).toString();
  return request(PREFIX + path + (text ? `?${text}` : ""), { method: "GET" });
}

export function post(path, body) {
  return request(PREFIX + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Edgeward-CSRF": csrf },
    body: JSON.stringify(body),
  });
}

// A path with names in it that may hold anything.
export function at(strings, ...names) {
  return strings.reduce((path, part, n) => path + encodeURIComponent(names[n - 1]) + part);
}

async function request(url, options) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new ApiError(0, { code: "page.no-console", text: "the console does not answer", advice: "" });
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const error = body?.error ?? { code: "page.no-json", text: `status ${answer.status}`, advice: "" };
  const found = new ApiError(answer.status, error, Number(answer.headers.get("Retry-After")) || null);
  if (found.code === "session.none" || found.code === "password.must-change") ended(found.code);
  throw found;
}
