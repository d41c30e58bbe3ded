/** Runs the runbook for lost regions, a lost cloud project and a lost AWS account, with nothing left in staging. Shows who gets what. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { peerPath } from "../support/peers.ts";
import { startRedirector } from "../support/redirector-process.ts";
import { type CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { followSection } from "../support/rehearsal/runbook.ts";
import { assertProduction, assertServed, type Wanted, wantedOf } from "./production.ts";
import { assertRights } from "./rights.ts";

describe("recovery of regions, of the cloud project and of the AWS account", function () {
  this.timeout(15 * 60_000);
  let drill: Drill;
  let artifacts: DemoArtifacts;
  let wanted: Wanted;
  const configure = (settings: Record<string, unknown> = {}) =>
    drill.configure(demoManifestsFolder, { "artifacts:protection": true, ...seed, ...settings });

  before(async () => {
    [drill, artifacts] = await Promise.all([Drill.open({ guarded: true }), makeArtifacts()]);
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

  it("everybody gets what the grants say, and nothing else: with crane, Cloud Storage's API, the S3 client", async () => {
    await assertRights(drill);
    await drill.emptyStaging();
  });

  it("lost regions: refresh and up refill them from the others", async () => {
    await drill.lose(inRegions(await drill.resources(), ["europe-west1", "us-east-1"]));
    await assert.rejects(assertProduction(drill, wanted), "something is missing");
    await followSection(drill, "A mirror was changed by hand, or lost artifacts");
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
  });

  it("lost canonical region: the workflow deploy, run by hand, refills it from the others", async () => {
    await drill.lose(inRegions(await drill.resources(), ["us-central1"]));
    await followSection(drill, "A region is lost");
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

    // The grants of the new mirrors take time to hold, and the promotion waits for them.
    await configure();
    await drill.guard(true, 2);
    const added = await drill.run("pulumi up");
    await drill.guard(false);
    for (const mirror of ["images-europe-west1", "files-gcp-europe-west1"])
      assert.match(added, new RegExp(`the new mirror ${mirror} denies access: waiting for its grants to hold, 1 s`));
    await assertProduction(drill, wanted);
    await drill.run("pulumi preview --expect-no-changes");
  });

  it("lost AWS account: the runbook's commands make its mirror anew in another one, filled from Google Cloud", async () => {
    await drill.lose(({ type }) => type.startsWith("aws:"));
    await configure(anotherBucket);
    await followSection(drill, "The AWS account is lost");
    await assertProduction(drill, wanted);
    assert.ok(
      (await drill.resources()).some(
        ({ type, id }) => type === "aws:s3/bucket:Bucket" && id === "rehearsal-2-us-east-1",
      ),
    );
    const policies = (await drill.resources()).filter(({ type }) => type === "aws:iam/rolePolicy:RolePolicy");
    for (const { inputs } of policies) assert.match(String(inputs["policy"]), /arn:aws:s3:::rehearsal-2-us-east-1/);
  });

  it("lost Google Cloud project with staging: clients pull from AWS, a new project is filled from there, the seed project is left", async () => {
    // The emulated AWS has one account, whatever it is called: its ARNs are those of the first.
    const { "aws:allowedAccountIds": _, ...names } = anotherBucket;
    const settings = { ...names, "artifacts:imageBuckets": ["us-east-1"] };
    await configure(settings);
    await drill.run("pulumi up");
    await assertProduction(drill, wanted);
    const inSeed = ({ inputs }: CloudResource): boolean => inputs["project"] === seed["artifacts:seedProject"];
    const namesInSeed = async () =>
      (await drill.resources())
        .filter(inSeed)
        .map(({ type, id }) => `${type} ${id}`)
        .sort();
    const kept = await namesInSeed();
    assert.match(kept.join(), /:WorkloadIdentityPoolProvider /);
    await drill.lose((resource) => resource.type.startsWith("gcp:") && !inSeed(resource));

    await assertPulledAnywhere();

    const project = "rehearsal-artifacts-2";
    const prefix = "rehearsal-2"; // the names of the lost project's buckets stay reserved for a while
    await configure({ ...settings, "gcp:project": project, "artifacts:googlePrefix": prefix });
    await followSection(drill, "The Google Cloud project is lost");
    await assertProduction(drill, wanted);
    await assertServed(drill, wanted);
    assert.deepEqual(await namesInSeed(), kept);
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

/** State, key and identity pool are apart from production. */
const seed = { "artifacts:seedProject": "rehearsal-seed", "artifacts:seedProjectNumber": "271828182845" };

/** Another account, and a name that the lost one cannot hold. */
const anotherBucket = {
  "aws:allowedAccountIds": ["210987654321"],
  "artifacts:bucketNames": { "us-east-1": "rehearsal-2-us-east-1" },
};

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
