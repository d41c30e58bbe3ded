/** Runs the runbook for lost regions and a lost cloud project, with nothing left in staging. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { peerPath } from "../support/peers.ts";
import { startRedirector } from "../support/redirector-process.ts";
import { type CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { assertProduction, assertServed, type Wanted, wantedOf } from "./production.ts";

describe("recovery of regions and of the cloud project", function () {
  this.timeout(15 * 60_000);
  let drill: Drill;
  let artifacts: DemoArtifacts;
  let wanted: Wanted;
  const configure = (settings: Record<string, unknown> = {}) =>
    drill.configure(demoManifestsFolder, { "artifacts:protection": true, ...settings });

  before(async () => {
    [drill, artifacts] = await Promise.all([Drill.open(), makeArtifacts()]);
    wanted = wantedOf(artifacts.projects);
    drill.checkpoints = false; // no run is interrupted here
    await configure();
    await drill.stage(artifacts);
    await drill.run("pulumi up");
    await drill.emptyStaging();
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
  });
  after(() => drill.end());

  it("lost regions: refresh and up refill them from the others", async () => {
    await drill.lose(inRegions(await drill.resources(), ["europe-west1", "us-east-1"]));
    await assert.rejects(assertProduction(drill, wanted), "something is missing");
    await drill.run("pulumi refresh");
    await drill.run("pulumi up");
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
  });

  it("lost canonical region: up refills it from the others", async () => {
    await drill.lose(inRegions(await drill.resources(), ["us-central1"]));
    await drill.run("pulumi refresh");
    await drill.run("pulumi up");
    await drill.run("pulumi preview --expect-no-changes");
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
  });

  it("removes a region in two runs, and adds it again with one line, filled from the others", async () => {
    const [left, retiring] = ["us-central1", "europe-west1"];
    await configure({ "artifacts:gcpRegions": [left] });
    assert.match(await drill.refused("pulumi up"), /protected/, "not in one run");
    await configure({ "artifacts:retiringRegions": [retiring] });
    await drill.run("pulumi up");
    await assertServed(drill, wanted);
    await configure({ "artifacts:gcpRegions": [left] });
    await drill.run("pulumi up");
    await assertProduction(drill, wanted, { images: 1, files: 2 });
    await assertServed(drill, wanted);
    assert.deepEqual(
      (await drill.resources()).filter(({ id }) => id.includes(retiring)),
      [],
    );

    await configure();
    await drill.run("pulumi up");
    await assertProduction(drill, wanted);
    await drill.run("pulumi preview --expect-no-changes");
  });

  it("lost Google Cloud project with state and staging: clients pull from AWS, a new project is filled from there, nobody pushes again", async () => {
    const buckets = { "artifacts:imageBuckets": ["us-east-1"] };
    await configure(buckets);
    await drill.run("pulumi up");
    await assertProduction(drill, wanted);
    await drill.lose(({ type }) => type.startsWith("gcp:"));
    await rm(join(drill.workspace.folder, "state/.pulumi"), { recursive: true });

    await assertPulledAnywhere();

    const project = "rehearsal-artifacts-2";
    const prefix = "rehearsal-2"; // the names of the lost project's buckets stay reserved for a while
    await configure({ ...buckets, "gcp:project": project, "artifacts:googlePrefix": prefix });
    await drill.run("pulumi stack init local --no-select");
    await drill.run("npm run adopt");
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
    await drill.run("pulumi preview --expect-no-changes");
    await drill.run("pulumi refresh --preview-only --expect-no-changes");
  });

  /** Pulls every image whole, with all tags, through a redirector outside of the stack (docs/operating.md). */
  async function assertPulledAnywhere(): Promise<void> {
    const command = "node components/commands/artifacts.mjs redirector-config --without gcp --config-file";
    const redirector = await startRedirector({ config: await drill.run(`${command} ${drill.stack.configFile}`) });
    try {
      const crane = async (...args: string[]) =>
        (await promisify(execFile)(await peerPath("crane"), args)).stdout.trim();
      const host = `127.0.0.1:${redirector.port}`;
      for (const [image, tags] of wanted.images) {
        for (const [tag, digest] of tags) assert.equal(await crane("digest", `${host}/${image}:${tag}`), digest);
        const [tag] = [...tags.keys()].filter((name) => !name.startsWith("sha256-"));
        await crane("validate", "--remote", `${host}/${image}:${tag}`);
      }
    } finally {
      await redirector.stop();
    }
  }
});

/** Matches all resources in these regions or in a bucket there. */
function inRegions(
  resources: readonly CloudResource[],
  regions: readonly string[],
): (resource: CloudResource) => boolean {
  const isThere = ({ id, inputs }: CloudResource): boolean =>
    regions.some(
      (region) =>
        id.includes(region) || [inputs["location"], inputs["region"]].some((at) => String(at).toLowerCase() === region),
    );
  const buckets = new Set(resources.filter((one) => one.type.endsWith(":Bucket") && isThere(one)).map(({ id }) => id));
  return (resource) => isThere(resource) || buckets.has(String(resource.inputs["bucket"]));
}
