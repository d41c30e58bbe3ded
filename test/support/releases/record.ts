/**
 * Keeps the state that a release leaves, for test/contract/upgrade: the program of this checkout deploys the demo to the emulated clouds, the real
 * engine exports the state. Run it at the commit that releases, after package.json has the version: `node test/support/releases/record.ts`.
 */
import assert from "node:assert/strict";
import { copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { makeArtifacts } from "../../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../../local/seed/demo-manifests.ts";
import { projectRoot } from "../../../local/tools/rehearsal-folder.ts";
import { Drill } from "../rehearsal/drill.ts";

const { version } = JSON.parse(await readFile(join(projectRoot, "package.json"), "utf8")) as { version: string };
const folder = join(import.meta.dirname, version);
const [drill, artifacts] = await Promise.all([Drill.open({ redirector: "stand-in" }), makeArtifacts()]);
try {
  // One region of each cloud has every kind of resource; more would only make the file longer.
  await drill.configure(demoManifestsFolder, {
    "artifacts:protection": true,
    "artifacts:gcpRegions": ["europe-west1"],
    "artifacts:awsRegions": ["us-east-1"],
  });
  await drill.stage(artifacts);
  drill.checkpoints = false;
  await drill.run("pulumi up");
  await drill.run("pulumi preview --expect-no-changes");
  const file = join(drill.workspace.folder, "exported.json");
  await drill.run(`pulumi stack export --file ${file}`);
  const state = anywhere(await readFile(file, "utf8"));
  assert.ok(!state.includes(drill.rehearsal.awsCredentials.secretAccessKey), "the state holds a secret");

  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "state.json.gz"), gzipSync(state, { level: 9 }));
  await writeFile(join(folder, "changes.golden.txt"), `# What an upgrade from ${version} changes.\n`);
  await writeFile(join(folder, "Pulumi.local.yaml"), anywhere(await readFile(drill.stack.configFile, "utf8")));
  await copyFile(join(drill.workspace.folder, "redirector.tar.gz"), join(folder, "redirector.tar.gz"));
  await cp(demoManifestsFolder, join(folder, "manifests"), { recursive: true });
  console.log(`${folder}: ${state.length} bytes of state`);
} finally {
  await drill.end();
}

/** A text without the places of this machine, of which nothing depends. */
function anywhere(text: string): string {
  return text
    .replaceAll(demoManifestsFolder, "manifests")
    .replaceAll(projectRoot, "/artifacts")
    .replaceAll(drill.folder, "/release");
}
