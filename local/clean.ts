/** `npm run clean`: removes the rehearsal's folder. The cache of built programs stays: all clones share it, and its key is the version. */
import { readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { projectRoot, readRehearsal, rehearsalFolder, stackRehearsalFolder } from "./tools/rehearsal-folder.ts";

const folder = rehearsalFolder();
const stacks = await readdir(join(folder, "stacks")).catch(() => []);
for (const one of [folder, ...stacks.map(stackRehearsalFolder)]) {
  const rehearsal = await readRehearsal(one);
  if (rehearsal === undefined) continue;
  console.error(
    `error: a rehearsal runs in ${one} (process ${rehearsal.pid}): stop it first (Ctrl-C, or kill ${rehearsal.pid})`,
  );
  process.exit(1);
}
await rm(folder, { recursive: true, force: true });
console.log(`Removed ${relative(projectRoot, folder) || folder}`);
