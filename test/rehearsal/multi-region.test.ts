/** Multi-regions hold mirrors, one of them the canonical ones: filled, given clients, left by a project, and removed. */
import assert from "node:assert/strict";
import { appendFile, cp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { assertProduction, type Wanted, wantedOf } from "./production.ts";

/** Near to a region in which the multi-region `europe` keeps data. */
const paris = "48.86,2.35";
/** The canonical mirrors are in a multi-region, the redirector is in a region. */
const regions = ["us", "us-central1"];

describe("multi-regions", () => {
  let drill: Drill;
  let artifacts: DemoArtifacts;
  let wanted: Wanted;
  let manifests: string;
  const configure = (gcpRegions: readonly string[]) =>
    drill.configure(manifests, {
      "artifacts:gcpRegions": gcpRegions,
      "artifacts:awsRegions": [],
      "artifacts:redirector": { presence: { intervalSeconds: 1 } }, // what leaves a mirror waits for redirectors
    });

  before(async () => {
    [drill, artifacts] = await Promise.all([Drill.open(), makeArtifacts()]);
    wanted = wantedOf(artifacts.projects);
    drill.checkpoints = false; // no run is interrupted here
    manifests = join(drill.folder, "manifests");
    await cp(demoManifestsFolder, manifests, { recursive: true });
    await configure([...regions, "europe"]);
    await drill.stage(artifacts);
    await drill.run("pulumi up");
  });
  after(() => drill.end());

  /** Where a client in Paris is sent for what a project has: hosts of registries and names of buckets. */
  async function sentTo(project: string): Promise<readonly string[]> {
    const site = await drill.control.site("artifacts.example.org");
    const image = [...wanted.images].find(([name]) => name.startsWith(`${project}/`))!;
    const file = [...wanted.files.keys()].find((path) => path.startsWith(`${project}/`));
    const paths = [`/v2/${image[0]}/manifests/${[...image[1].values()][0]}`, ...(file ? [`/binaries/${file}`] : [])];
    return Promise.all(
      paths.map(async (path) => {
        const headers = { accept: "*/*", "x-rehearsal-client": paris };
        const answer = await fetch(site + path, { redirect: "manual", headers });
        assert.equal(answer.status, 307, `${path}: ${await answer.text()}`);
        const { host, pathname } = new URL(answer.headers.get("location")!);
        return path.startsWith("/v2/") ? host : pathname.split("/")[1]!;
      }),
    );
  }

  async function hostOf(location: string): Promise<string> {
    return `127.0.0.1:${(await drill.registries())[location]}`;
  }

  it("have a repository and a bucket with everything, and no redirector; clients near one of their regions are sent there", async () => {
    await assertProduction(drill, wanted, { images: 3, files: 3 });
    const resources = await drill.resources();
    const locations = (type: string) =>
      resources.filter((one) => one.type === type).map(({ inputs }) => inputs["location"]);
    assert.deepEqual(locations("gcp:cloudrunv2/service:Service"), ["us-central1"]);
    for (const location of ["US", "EU"]) assert.ok(locations("gcp:storage/bucket:Bucket").includes(location));
    assert.deepEqual(await sentTo("dotslash"), [await hostOf("europe"), "rehearsal-artifacts-europe"]);
  });

  it("are left by a project that is placed elsewhere: redirectors send nobody there for it, and it keeps the others", async () => {
    await appendFile(join(manifests, "dotslash/project.yaml"), "regions: [us]\n");
    const preview = await drill.run("pulumi preview --diff");
    assert.match(preview, /remove the whole project .*from .*europe: its regions do not include it/);
    await drill.run("pulumi up");
    const held = async (project: string): Promise<boolean> => {
      const [[name, tags]] = [...wanted.images].filter(([image]) => image.startsWith(`${project}/`)) as [
        [string, ReadonlyMap<string, string>],
      ];
      const repository = `http://${await hostOf("europe")}/v2/rehearsal-artifacts/images`;
      const url = `${repository}/${name}/manifests/${[...tags.values()][0]}`;
      return (await fetch(url, { method: "HEAD", headers: { accept: "*/*" } })).ok;
    };
    assert.deepEqual([await held("dotslash"), await held("semver")], [false, true]);
    const canonical = [await hostOf("us"), "rehearsal-artifacts-us"];
    assert.deepEqual(await sentTo("dotslash"), canonical);
    assert.deepEqual(await sentTo("semver"), [await hostOf("europe")]);
  });

  it("are removed by one line, and nothing is lost", async () => {
    await configure(regions);
    await drill.run("pulumi up");
    await assertProduction(drill, wanted, { images: 2, files: 2 });
    assert.deepEqual(await sentTo("semver"), [await hostOf("us")]);
  });
});
