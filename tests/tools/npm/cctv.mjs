// The C2SP/CCTV age test vectors (npm cctv-age) as one JSON object on stdout: name to base64 of the file.
import { writeSync } from "node:fs";
import * as vectors from "cctv-age";

const named = Object.entries(vectors).filter(([, value]) => value instanceof Uint8Array);
const encoded = named.map(([name, value]) => [name, Buffer.from(value).toString("base64")]);
const text = Buffer.from(JSON.stringify(Object.fromEntries(encoded)));
for (let at = 0; at < text.length; ) at += writeSync(1, text, at);
