/** Every byte of mirrors is read back by the Cloud Run job that the program makes, with the job's identity: an object and a layer with other bytes are found, and mended. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import type { DemoProject } from "../../local/seed/demo-project.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { generateProject, promoting, writeProject } from "./generated-project.ts";

const audited = ["files-gcp-europe-west1", "images-europe-west1", "files-aws-us-east-1"];
const bucket = "rehearsal-artifacts-europe-west1";

/** What `artifacts audit` says of a mirror. */
interface MirrorAudit {
  readonly mirror: string;
  readonly wanted: number;
  readonly read: number;
  readonly findings: readonly { readonly what: string; readonly line: string }[];
  readonly unreadable: readonly string[];
  readonly execution: { readonly state: string; readonly tasks: number };
}

describe("mirrors that a job reads back", () => {
  let drill: Drill;
  let project: DemoProject;

  before(async () => {
    [drill, project] = await Promise.all([Drill.open({ ports: 90, guarded: true }), generateProject("drill")]);
    drill.checkpoints = false;
    await drill.stage({ projects: [project] });
    const manifests = join(drill.folder, "manifests");
    await writeProject(
      manifests,
      promoting(project, () => true),
    );
    await drill.configure(manifests, { "artifacts:fillAbove": 5 });
    await drill.run("pulumi up");
  });
  after(() => drill.end());

  it("an object and a layer with other bytes are found by ten tasks, and nothing else", async () => {
    const file = await corruptFile(project.files[0]!.path);
    const layer = await corruptLayer();
    await drill.guard(true);
    try {
      const named = audited.map((name) => `--mirror ${name}`).join(" ");
      const mirrors = await audit(`--start --wait ${named}`);
      assert.deepEqual(
        mirrors.map(({ mirror, findings }) => [mirror, ...findings.map(({ what, line }) => `${what} ${line}`)]),
        [[audited[0], `corrupt ${file}`], [audited[1], `corrupt ${layer}`], [audited[2]]],
      );
      for (const { wanted, read, unreadable, execution } of mirrors) {
        assert.deepEqual([read, unreadable], [wanted, []]);
        assert.deepEqual([execution.state, execution.tasks], ["succeeded", 10]);
      }
      const later = await audit("--status");
      assert.deepEqual(new Set(later.map(({ mirror }) => mirror)), new Set(audited));
    } finally {
      await drill.guard(false);
    }
  });

  it("what is taken away and copied again, as the runbook says, is right", async () => {
    const key = encodeURIComponent(`binaries/${project.name}/${project.files[0]!.path}`);
    const url = `${drill.cloud.endpoints.gcs}/storage/v1/b/${bucket}/o/${key}`;
    assert.equal((await fetch(url, { method: "DELETE" })).ok, true);
    await drill.run(`npx artifacts sync --stack local --mirror ${audited[0]}`);
    const again = await drill.run(`npx artifacts audit --stack local --start --wait --mirror ${audited[0]}`);
    assert.match(again, /every byte is right/);
  });

  /** Runs `artifacts audit`. @returns what its JSON says of each mirror. */
  async function audit(options: string): Promise<readonly MirrorAudit[]> {
    const said = join(drill.folder, "said");
    const { output } = await drill.runs(`npx artifacts audit --stack local ${options} --json 2>${said}`);
    assert.notEqual(output, "", await readFile(said, "utf8"));
    return (JSON.parse(output) as { mirrors: readonly MirrorAudit[] }).mirrors;
  }

  /** Puts other bytes of the same number in the place of a file. @returns its line. */
  async function corruptFile(path: string): Promise<string> {
    const { gcs } = drill.cloud.endpoints;
    const key = encodeURIComponent(`binaries/${project.name}/${path}`);
    const before = Buffer.from(await (await fetch(`${gcs}/storage/v1/b/${bucket}/o/${key}?alt=media`)).arrayBuffer());
    const digest = createHash("sha256").update(before).digest("hex");
    before[0]! ^= 1;
    const url = `${gcs}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${key}`;
    assert.equal((await fetch(url, { method: "POST", body: before })).status, 200);
    return `${path} sha256:${digest}`;
  }

  /** Changes a byte of a layer in the files of a region's registry. @returns the line of its image. */
  async function corruptLayer(): Promise<string> {
    const image = project.images[0]!;
    const { digest } = image.releases[0]!;
    const manifest = image.manifests.find(({ content }) => content.digest === digest)!;
    const { layers } = JSON.parse(Buffer.from(manifest.content.bytes).toString("utf8")) as {
      layers: { digest: string }[];
    };
    const blob = join(project.name, image.name, "blobs", layers.at(-1)!.digest.replace(":", "/"));
    const root = join(drill.folder, "cloud/registries/europe-west1");
    const file = join(root, (await readdir(root, { recursive: true })).find((one) => one.endsWith(blob))!);
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    return `${image.name}@${digest}`;
  }
});
