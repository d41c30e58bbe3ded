/** Runs the runbook for lost regions and a lost cloud project, with nothing left in staging. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { type CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { assertFiles, assertProduction, assertServed, type Wanted, wantedOf } from "./production.ts";

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

  it("lost Google Cloud project with state and staging: a new one is filled from AWS and by new pushes", async () => {
    await drill.lose(({ type }) => type.startsWith("gcp:"));
    await rm(join(drill.workspace.folder, "state/.pulumi"), { recursive: true });
    const project = "rehearsal-artifacts-2";
    const prefix = "rehearsal-2"; // the names of the lost project's buckets stay reserved for a while
    await configure({ "gcp:project": project, "artifacts:googlePrefix": prefix });
    await drill.run("pulumi stack init local --no-select");

    const adopted = await drill.refused("npm run adopt"); // no mirror has the images any more
    const diagnostics = adopted.split("Diagnostics:").at(-1)!;
    for (const { name } of artifacts.projects) {
      assert.match(
        diagnostics,
        new RegExp(`${name}@sha256:\\w+, mirror images-us-central1, .* is not in .*/staging-${name}/`),
      );
    }
    await assertFiles(drill, wanted);

    await drill.stage(artifacts, project, prefix);
    await drill.run("pulumi up");
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
    await drill.run("pulumi preview --expect-no-changes");
    await drill.run("pulumi refresh --preview-only --expect-no-changes");
  });
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
