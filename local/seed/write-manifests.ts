/**
 * `node local/seed/write-manifests.ts`: writes the demo projects' manifests. Run it after package-lock.json has changed the versions of the
 * packages in the artifacts.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeArtifacts } from "./artifacts.ts";
import { demoManifests, demoManifestsFolder } from "./demo-manifests.ts";

for (const [path, text] of demoManifests(await makeArtifacts())) {
  const file = join(demoManifestsFolder, path);
  const before = await readFile(file, "utf8").catch(() => undefined);
  if (before !== text) await writeFile(file, text);
  console.log(`${before === text ? "unchanged" : "written  "} local/seed/manifests/${path}`);
}
