// Signing a command in this page (docs/formats/console-api-v1.md, "Signing a command").
//
// Guarantees: the private key is read from a file that the person chooses, held by WebCrypto as a key that
// can't be taken out again, and forgotten when the person asks, signs off, or the page is closed; it is
// never sent. Leaves out whether the key is the right one: the console and the box judge that.

import { PageError } from "./dialog.js";
import { t } from "./words.js";

const PKCS8_ED25519 = "302e020100300506032b657004220420";
let held = null;

// `{name, id}` of the key that is held; null without one.
export function heldKey() {
  return held && { name: held.name, id: held.id };
}

export function forgetKey() {
  held = null;
}

// Reads a key file of `edgeward command keygen`.
export async function holdKey(file) {
  if (file.size > 4096) throw new PageError(t("key.bad"));
  const [head, kind, name, id, ...rest] = (await file.text()).trim().split("+");
  const bytes = decoded(rest.join("+"));
  const good = head === "PRIVATE" && kind === "KEY" && /^[0-9a-f]{8}$/.test(id ?? "") && bytes?.length === 33 && bytes[0] === 1;
  if (!good) throw new PageError(t("key.bad"));
  const wrapped = new Uint8Array([...hex(PKCS8_ED25519), ...bytes.subarray(1)]);
  let key;
  try {
    key = await crypto.subtle.importKey("pkcs8", wrapped, { name: "Ed25519" }, false, ["sign"]);
  } catch {
    throw new PageError(t("key.unsupported"));
  } finally {
    wrapped.fill(0);
    bytes.fill(0);
  }
  held = { name, id, key };
  return heldKey();
}

// The line of a signed note: em dash, name, key id and signature.
export async function signatureLine(text) {
  if (held === null) throw new PageError(t("key.missing"));
  const signature = await crypto.subtle.sign({ name: "Ed25519" }, held.key, new TextEncoder().encode(text));
  const bytes = new Uint8Array([...hex(held.id), ...new Uint8Array(signature)]);
  return `\u2014 ${held.name} ${btoa(String.fromCharCode(...bytes))}\n`;
}

// The note with one signature more; `note` may be a text that nobody has signed yet.
export async function signed(note) {
  const end = note.indexOf("\n\n");
  const text = end < 0 ? note : note.slice(0, end + 1);
  const lines = end < 0 ? "" : note.slice(end + 2);
  return `${text}\n${lines}${await signatureLine(text)}`;
}

function decoded(text) {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

function hex(text) {
  return text.match(/../g).map((pair) => parseInt(pair, 16));
}
