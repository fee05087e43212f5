// typage (npm age-encryption) as a filter, for cross tests: the other implementation of both suites.
//
//   node typage.mjs keygen                  a post-quantum identity, then its recipient, one a line
//   node typage.mjs encrypt RECIPIENT...    stdin to stdout
//   node typage.mjs decrypt FILE            stdin to stdout; FILE holds one identity a line
import { webcrypto } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";

globalThis.crypto ??= webcrypto; // not global before node 19
const { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } = await import("age-encryption");

const [command, ...rest] = process.argv.slice(2);

function put(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

if (command === "keygen") {
  const identity = await generateHybridIdentity();
  put(new TextEncoder().encode(`${identity}\n${await identityToRecipient(identity)}\n`));
} else if (command === "encrypt") {
  const encrypter = new Encrypter();
  rest.forEach((recipient) => encrypter.addRecipient(recipient));
  put(await encrypter.encrypt(new Uint8Array(readFileSync(0))));
} else if (command === "decrypt") {
  const decrypter = new Decrypter();
  const lines = readFileSync(rest[0], "utf8").split("\n");
  lines.filter((line) => line && !line.startsWith("#")).forEach((line) => decrypter.addIdentity(line));
  put(await decrypter.decrypt(new Uint8Array(readFileSync(0))));
} else {
  process.stderr.write("usage: node typage.mjs keygen | encrypt RECIPIENT... | decrypt FILE\n");
  process.exit(64);
}
