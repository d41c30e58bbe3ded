/**
 * Every byte of mirrors is read back by the Cloud Run job that the program makes, with the job's identity: an object and layers with other bytes, and a tag
 * with the content of another, are found, and mended.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import type { DemoImage, DemoProject } from "../../local/seed/demo-project.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { generateProject, promoting, writeProject } from "./generated-project.ts";

const audited = ["files-gcp-europe-west1", "images-europe-west1", "files-aws-us-east-1", "images-gcs-europe-west1"];
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
    await drill.configure(manifests, { "artifacts:fillAbove": 5, "artifacts:imageBuckets": ["europe-west1"] });
    await drill.run("pulumi up");
  });
  after(() => drill.end());

  it("an object, layers and a tag with other bytes are found by ten tasks, and nothing else", async () => {
    const file = await corruptFile(project.files[0]!.path);
    const layer = await corruptLayer();
    const inBucket = await corruptImages();
    await drill.guard(true);
    try {
      const named = audited.map((name) => `--mirror ${name}`).join(" ");
      const mirrors = await audit(`--start --wait ${named}`);
      assert.deepEqual(
        mirrors.map(({ mirror, findings }) => [mirror, ...findings.map(({ what, line }) => `${what} ${line}`).sort()]),
        [
          [audited[0], `corrupt ${file}`],
          [audited[1], `corrupt ${layer}`],
          [audited[2]],
          [audited[3], ...inBucket.map((line) => `corrupt ${line}`)],
        ],
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
    const key = `binaries/${project.name}/${path}`;
    const before = await read(key);
    const digest = createHash("sha256").update(before).digest("hex");
    before[0]! ^= 1;
    await write(key, before);
    return `${path} sha256:${digest}`;
  }

  async function read(key: string): Promise<Buffer<ArrayBuffer>> {
    const url = `${drill.cloud.endpoints.gcs}/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}?alt=media`;
    const response = await fetch(url);
    assert.equal(response.status, 200, key);
    return Buffer.from(await response.arrayBuffer());
  }

  async function write(key: string, bytes: Buffer<ArrayBuffer>): Promise<void> {
    const url = `${drill.cloud.endpoints.gcs}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(key)}`;
    assert.equal((await fetch(url, { method: "POST", body: bytes })).status, 200, key);
  }

  /** Changes a layer of one image in the bucket, and gives a tag of another the content of another tag. @returns the lines of both, in their order. */
  async function corruptImages(): Promise<string[]> {
    const [first, second] = [project.images[0]!, project.images[1]!];
    const layer = `containers/images/${layerOf(first)}`;
    const before = await read(layer);
    before[0]! ^= 1;
    await write(layer, before);
    const tag = (index: number) =>
      `containers/registry/${project.name}/${second.name}/_manifests/${second.releases[index]!.tags[0]}`;
    await write(tag(0), await read(tag(1)));
    return [first, second].map(({ name, releases }) => `${name}@${releases[0]!.digest}`);
  }

  /** The digest of the last layer of an image's first release, which no other release has. */
  function layerOf({ releases, manifests }: DemoImage): string {
    const manifest = manifests.find(({ content }) => content.digest === releases[0]!.digest)!;
    const { layers } = JSON.parse(Buffer.from(manifest.content.bytes).toString("utf8")) as {
      layers: { digest: string }[];
    };
    return layers.at(-1)!.digest;
  }

  /** Changes a byte of a layer in the files of a region's registry. @returns the line of its image. */
  async function corruptLayer(): Promise<string> {
    const image = project.images[0]!;
    const blob = join(project.name, image.name, "blobs", layerOf(image).replace(":", "/"));
    const root = join(drill.folder, "cloud/registries/europe-west1");
    const file = join(root, (await readdir(root, { recursive: true })).find((one) => one.endsWith(blob))!);
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    return `${image.name}@${image.releases[0]!.digest}`;
  }
});
