/** Stores and a stack for tests that start Cloud Run jobs on mirrors: `artifacts fill --start`, `artifacts audit --start`. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ObjectStores, startObjectStores } from "./object-stores.ts";
import type { RunJobs } from "./run-jobs.ts";
import { stackFile } from "./stack-file.ts";

/** What stands for the archive of the program. */
export const program = Buffer.from("the program");

/**
 * Starts stores with two file mirrors in GCS and the bucket of the jobs. Their folder has manifests, of a project `tool` with one file, `a`, and the archive of
 * the program, `fill.tar.gz`. The mirror in us-central1 has the file, with the content `a`.
 */
export async function startJobStores(): Promise<ObjectStores> {
  const stores = await startObjectStores();
  for (const bucket of ["org-fill", "org-artifacts-us-central1", "org-artifacts-europe-west1"])
    await stores.makeBucket("gcs", bucket);
  await mkdir(join(stores.folder, "manifests/tool"), { recursive: true });
  const file = (name: string, content: string | Uint8Array) => writeFile(join(stores.folder, name), content);
  await file("manifests/tool/project.yaml", "description: x\nowners: {group: g@example.org}\nstaging: {files: true}\n");
  const sha256 = createHash("sha256").update("a").digest("hex");
  await file("manifests/tool/files.yaml", `files:\n  - name: a\n    sha256: ${sha256}\n`);
  await file("fill.tar.gz", program);
  await stores.stage("org-artifacts-us-central1", "binaries/tool/a", "a");
  return stores;
}

/** Writes the file of a stack `prod` in these regions, whose stores and jobs are these. @param more lines of its `config`. */
export async function writeJobStack(
  stores: ObjectStores,
  jobs: RunJobs,
  gcpRegions: string,
  more: string,
): Promise<void> {
  const lines = stackFile.replace("gcpRegions: [us-central1]", `gcpRegions: [${gcpRegions}]`);
  const endpoints = `  gcp:cloudRunV2CustomEndpoint: ${jobs.endpoint}\n  gcp:storageCustomEndpoint: ${stores.settings.gcsEndpoint}\n`;
  await writeFile(join(stores.folder, "Pulumi.prod.yaml"), `${lines}${endpoints}${more}`);
}
