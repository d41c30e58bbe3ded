/** `npm run clean`: removes the rehearsal's folder. The cache of built programs stays: all clones share it, and its key is the version. */
import { rm } from "node:fs/promises";
import { relative } from "node:path";
import { projectRoot, readRehearsal, rehearsalFolder } from "./tools/rehearsal-folder.ts";

const folder = rehearsalFolder();
const rehearsal = await readRehearsal(folder);
if (rehearsal !== undefined) {
  console.error(
    `error: a rehearsal runs in ${folder} (process ${rehearsal.pid}): stop it first (Ctrl-C, or kill ${rehearsal.pid})`,
  );
  process.exit(1);
}
await rm(folder, { recursive: true, force: true });
console.log(`Removed ${relative(projectRoot, folder) || folder}`);
