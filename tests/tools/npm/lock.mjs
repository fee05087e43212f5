// After `npm run lock`: takes the authors' addresses out of the lock, so that no host name is in it.
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
Object.values(lock.packages).forEach((entry) => delete entry.funding);
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
