/** One region or one name fails in the control plane: the others go on, and the run ends red, naming it. */
import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { findRegion } from "../../components/stack/geography.ts";
import type { Address } from "../../local/cloud/address.ts";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { type CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { followSection } from "../support/rehearsal/runbook.ts";
import { standInRedirector } from "../support/rehearsal/stand-in-redirector.ts";
import { workflowScript } from "../support/workflow-script.ts";

const allRegions = { "artifacts:gcpRegions": ["us-central1", "europe-west1", "asia-northeast1"] };

describe("outages of the clouds' control planes", function () {
  this.timeout(15 * 60_000);
  let drill: Drill;
  let artifacts: DemoArtifacts;
  let manifests: string;

  before(async () => {
    [drill, artifacts] = await Promise.all([Drill.open({ redirector: "stand-in" }), makeArtifacts()]);
    manifests = join(drill.workspace.folder, "manifests");
    await cp(demoManifestsFolder, manifests, { recursive: true });
    await writeFile(join(manifests, "dotslash", "files.yaml"), "");
    await drill.configure(manifests);
    await drill.stage(artifacts);
    drill.checkpoints = false; // no run is interrupted here
    await drill.run("pulumi up");
  });
  after(() => drill.end());

  it("a new mirror's name is taken: files are promoted to the other mirrors, and the outputs stay", async () => {
    await drill.control.faults([
      {
        type: "^gcp:storage/bucket:Bucket$",
        id: "artifacts-asia-northeast1$",
        operations: ["create"],
        status: 409,
        message: "googleapi: Error 409: The requested bucket name is not available., conflict",
      },
    ]);
    await cp(join(demoManifestsFolder, "dotslash", "files.yaml"), join(manifests, "dotslash", "files.yaml"));
    await drill.configure(manifests, { "artifacts:gcpRegions": ["us-central1", "europe-west1", "asia-northeast1"] });
    const output = await drill.refused("pulumi up --continue-on-error");
    assert.match(output, /Bucket files-gcp-asia-northeast1 .*failed|requested bucket name is not available/);
    const listed = await objects("rehearsal-artifacts-europe-west1");
    assert.ok(
      listed.some((name) => name.startsWith("binaries/dotslash/")),
      listed.join("\n"),
    );
    assert.match(await drill.run("pulumi stack output url"), /^https:/);
    assert.equal(services(await drill.resources()).length, 3, "the redirectors of all regions are there");

    await drill.control.faults([]);
    await drill.run("pulumi up");
    await drill.run("pulumi preview --expect-no-changes");
    const files = (names: readonly string[]) => names.filter((name) => name.startsWith("binaries/"));
    assert.deepEqual(files(await objects("rehearsal-artifacts-asia-northeast1")), files(listed));
  });

  it("a region's API is out: it is drained by the redirectors' config, and images are promoted to the others", async () => {
    await drill.control.faults([
      {
        type: "^gcp:",
        id: "europe-west1",
        status: 503,
        message: "googleapi: Error 503: The service is currently unavailable., backendError",
      },
    ]);
    const file = join(manifests, "semver", "images.yaml");
    const images = await readFile(file, "utf8");
    await writeFile(file, images.replace(/": \["/, '": ["extra", "'));
    await drill.configure(manifests, {
      "artifacts:gcpRegions": ["us-central1", "europe-west1", "asia-northeast1"],
      "artifacts:drainedRegions": ["europe-west1"],
    });
    const [output = ""] = await followSection(drill, "A region of a cloud is out", { endsRed: true });
    assert.match(output, /Error 503: The service is currently unavailable/);
    const weights = services(await drill.resources()).map(({ inputs }) => {
      const config = JSON.stringify(inputs);
      return [String(inputs["location"]), /\\"weight\\":0/.test(config)];
    });
    assert.deepEqual(weights.sort(), [
      ["asia-northeast1", true],
      ["europe-west1", false], // its own config could not be changed
      ["us-central1", true],
    ]);
    await drill.control.faults([]);
  });

  it("a build that starts and answers wrong stays in the region that gets it first: clients of the others see nothing", async () => {
    const archive = join(drill.folder, "redirector.tar.gz");
    const good = await readFile(archive);
    await writeFile(archive, await standInRedirector("https://wrong.example"));
    await drill.configure(manifests, allRegions);
    const before = await revisions();
    const output = await drill.refused("pulumi up --continue-on-error");
    assert.match(
      output,
      /new revision redirector-us-central1-0000\d of the redirector answers wrong: \/v2\/\S+ is redirected to https:\/\/wrong\.example\/\S+, which is no mirror\./,
    );
    const after = await revisions();
    assert.notEqual(after["us-central1"], before["us-central1"]);
    assert.deepEqual({ ...after, "us-central1": "" }, { ...before, "us-central1": "" });
    const served = {
      "us-central1": /^https:\/\/wrong\.example\//,
      "europe-west1": /^http:\/\/127\./,
      "asia-northeast1": /^http:\/\/127\./,
    };
    for (const [region, location] of Object.entries(served)) assert.match(await locationNear(region), location, region);

    await drill.refused("pulumi up --continue-on-error"); // nothing has changed, so the others still wait
    assert.deepEqual(await revisions(), after);

    await followSection(drill, "A new build answers wrong", {
      at: {
        "git revert": async () => {
          await writeFile(archive, good);
          return "";
        },
      },
    });
    for (const region of Object.keys(served)) assert.match(await locationNear(region), /^http:\/\/127\./, region);
    await drill.run("pulumi preview --expect-no-changes");
  });

  it("a quota is used up in a new region: it alone is held back, and the next run makes it", async () => {
    const region = "australia-southeast1";
    const exceeded = { id: region, operations: ["create"] } as const;
    await drill.control.faults([
      {
        ...exceeded,
        type: "^gcp:cloudrunv2/",
        status: 403,
        message:
          "googleapi: Error 403: Quota exceeded for total allowable CPU per project per region., rateLimitExceeded",
      },
      {
        ...exceeded,
        type: "^gcp:artifactregistry/repository:",
        status: 429,
        message:
          "googleapi: Error 429: Quota exceeded for quota metric 'Project write requests' and limit 'Project write requests per minute'., rateLimitExceeded",
      },
    ]);
    const file = join(manifests, "semver", "images.yaml");
    const images = await readFile(file, "utf8");
    await writeFile(file, images.replace(/": \["/, '": ["quota", "'));
    await drill.configure(manifests, { "artifacts:gcpRegions": [...allRegions["artifacts:gcpRegions"], region] });
    const before = await revisions();
    const output = await drill.refused("pulumi up --continue-on-error");
    assert.match(output, new RegExp(`redirector-${region}[^]*Error 403: Quota exceeded for total allowable CPU`));
    assert.match(output, new RegExp(`images-${region}[^]*Error 429: Quota exceeded`));
    const after = await revisions();
    assert.deepEqual(Object.keys(after).sort(), [...allRegions["artifacts:gcpRegions"]].sort());
    for (const name of Object.keys(before)) assert.notEqual(after[name], before[name], `${name} knows the new mirror`);
    const pulled = await fetch(
      `http://127.0.0.1:${await drill.cloud.registry("europe-west1")}/v2/rehearsal-artifacts/images/semver/semver/manifests/quota`,
    );
    assert.equal(pulled.status, 200, "images were promoted to the others");
    assert.match(await drill.run("pulumi stack output url"), /^https:/);
    assert.match(await locationNear("asia-northeast1"), /^http:\/\/127\./);

    await drill.control.faults([]);
    await followSection(drill, "A quota is used up");
    await drill.run("pulumi preview --expect-no-changes");
    assert.match(await locationNear(region), /^http:\/\/127\./);
    assert.ok((await revisions())[region]);
    await drill.configure(manifests, allRegions);
    await drill.run("pulumi up"); // without protection, a region goes at once
  });

  it("what Google fills in of a backend service is no difference", async () => {
    const filled = {
      localityLbPolicy: "ROUND_ROBIN",
      outlierDetection: {
        enforcingSuccessRate: 100,
        successRateMinimumHosts: 5,
        successRateRequestVolume: 100,
        successRateStdevFactor: 1900,
      },
    };
    const backends = (await drill.resources()).filter(({ type }) => type.endsWith(":BackendService"));
    assert.ok(backends.length > 0);
    for (const { inputs, ...rest } of backends) {
      const outlierDetection = { ...(inputs["outlierDetection"] as object), ...filled.outlierDetection };
      const body = JSON.stringify({ ...rest, inputs: { ...inputs, ...filled, outlierDetection } });
      const answer = await fetch(`${drill.cloud.control}/v1/resources`, { method: "PUT", body });
      assert.equal(answer.status, 200, await answer.text());
    }
    await drill.run("pulumi preview --refresh --expect-no-changes");
  });

  it("a deploy that refreshes brings back what was removed by hand: a mirror's repository and grants on mirrors", async () => {
    const removed = ({ type, id, inputs }: CloudResource): boolean =>
      (type === "gcp:artifactregistry/repository:Repository" && id.endsWith("europe-west1/repositories/images")) ||
      (/:RepositoryIamBinding$/.test(type) && inputs["location"] === "europe-west1") ||
      (/:BucketIAMBinding$/.test(type) && inputs["bucket"] === "rehearsal-artifacts-us-central1");
    const lost = await drill.lose(removed);
    assert.ok(lost >= 4);
    await followSection(drill, "A region is lost"); // the workflow deploy, run by hand
    assert.equal((await drill.resources()).filter(removed).length, lost);
    await drill.run("pulumi preview --expect-no-changes");
  });

  it("DNSSEC: pending until the registrar has the DS record, then active; it is taken off without a time in which the zone fails", async () => {
    const zone = "0123456789abcdef0123456789abcdef";
    const signed = { ...allRegions, "artifacts:dnssec": true, "artifacts:protection": true };
    await drill.configure(manifests, signed);
    const [, record, pending] = await followSection(drill, "Signing the zone", { endsRed: true });
    assert.match(pending ?? "", /^pending: .* IN DS 2371 .*\nnext: enter the DS record at the registrar/);

    const status = () => drill.run("npx artifacts status --stack local");
    assert.match(await status(), /^DNSSEC: pending: .*\n(.*\n)*next: enter the DS record at the registrar/m);

    // The comparison each night: with what the workflow leaves out while it is pending.
    const compare = "pulumi preview --refresh --expect-no-changes";
    assert.match(await drill.refused(compare), /ZoneDnssec/);
    const [, excluded] = /pending='([^']+)'/.exec(await workflowScript("workflows/drift.yml", "Compare")) ?? [];
    await drill.run(`${compare} --exclude '${excluded}'`);

    await drill.control.create("rehearsal:index:RegistrarDsRecord", zone, { ds: record?.trim() });
    assert.match(await drill.run("npx artifacts dnssec --stack local"), /^active: /);
    assert.match(await status(), /^DNSSEC: active: the zone is signed/m);
    await drill.run(compare);

    // Off, while the registrar has the record: refused. By the procedure: the zone stays signed until a person ends it.
    const off = { ...signed, "artifacts:dnssec": false };
    await drill.configure(manifests, off);
    assert.match(await drill.refused("pulumi up"), /ZoneDnssec.*protected|protected.*ZoneDnssec/s);
    await followSection(drill, "Taking DNSSEC off");
    const isSigned = ({ type, id }: CloudResource) => type.endsWith(":ZoneDnssec") && id === zone;
    assert.ok((await drill.resources()).some(isSigned), "still signed");
    const resolved = () => fetch(`${drill.cloud.control}/v1/resolve?host=artifacts.example.org`);
    assert.equal((await resolved()).status, 200);
    await drill.configure(manifests, signed);
    await drill.lose(isSigned);
    assert.match(await status(), /^DNSSEC: disabled: the zone is not signed/m);
    assert.match(await (await resolved()).text(), /DNSSEC: SERVFAIL/, "as it is when the record was forgotten");
    await drill.lose(({ type }) => type === "rehearsal:index:RegistrarDsRecord");
    assert.equal((await resolved()).status, 200);
  });

  it("another domain: the run ends, and the new name is served with its own certificate", async () => {
    await drill.configure(manifests, { ...allRegions, "artifacts:domain": "example.net" });
    // A certificate that is deleted while the map uses it is refused.
    await drill.run("pulumi up --continue-on-error");
    const resolve = (host: string) => fetch(`${drill.cloud.control}/v1/resolve?host=${host}`);
    const served = await resolve("artifacts.example.net");
    assert.equal(served.status, 200, await served.text());
    assert.equal((await resolve("artifacts.example.org")).status, 404);
    const certificates = (await drill.resources()).filter(({ type }) => type.endsWith(":Certificate"));
    assert.deepEqual(
      certificates.map(({ inputs }) => (inputs["managed"] as { domains: string[] }).domains),
      [["artifacts.example.net"]],
    );
  });

  it("the zone moves: the new one has every record, and the old one keeps its own without being asked", async () => {
    const settings = { ...allRegions, "artifacts:domain": "example.net" };
    const records = async () =>
      (await drill.resources())
        .filter(({ type }) => type.endsWith(":DnsRecord"))
        .map(({ inputs: { zoneId, name, type, content, data } }) => ({
          zoneId,
          record: [name, type, content ?? (data as { value: string }).value].join(" "),
        }));
    const inZone = async (id: string) =>
      (await records()).flatMap(({ zoneId, record }) => (zoneId === id ? [record] : [])).sort();
    const [old, next] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
    const before = await inZone(old);
    assert.ok(before.length >= 5);
    const gone = { status: 403, message: "the token has no right to this zone" };
    await drill.control.faults([{ type: ":DnsRecord$", id: "", operations: ["read", "update", "delete"], ...gone }]);
    await drill.configure(manifests, { ...settings, "artifacts:keepDnsRecords": true });
    await followSection(drill, "The zone moves, or is lost");
    await drill.configure(manifests, { ...settings, "artifacts:keepDnsRecords": true, "artifacts:zoneId": next });
    await followSection(drill, "Making the records in the new zone");
    assert.deepEqual(await inZone(next), before);
    assert.deepEqual(await inZone(old), before);
    await drill.control.faults([]);
    await drill.configure(manifests, { ...settings, "artifacts:zoneId": next });
    await drill.run("pulumi up"); // the old zone is gone: its records are no longer kept
  });

  it("destroyed and made again in the same month: the identity pool stayed, and adopting takes it over", async () => {
    await drill.run("pulumi config set promotion:confirmRemoval '*'");
    await drill.run("pulumi destroy --yes --skip-preview");
    const left = (await drill.resources()).map(({ type }) => type.slice(type.lastIndexOf(":") + 1));
    assert.ok(left.includes("WorkloadIdentityPool") && left.includes("WorkloadIdentityPoolProvider"), left.join(" "));
    await drill.stage(artifacts); // everything that was promoted went too: the projects push again
    await followSection(drill, "Everything was destroyed, and is made again");
  });

  /** The serving revision of each region. */
  async function revisions(): Promise<Record<string, string>> {
    const all = services(await drill.resources());
    return Object.fromEntries(
      all.map(({ inputs, computed }) => [String(inputs["location"]), String(computed["latestReadyRevision"])]),
    );
  }

  /** Where a client in a region is sent for an image. */
  async function locationNear(region: string): Promise<string> {
    const { latitude, longitude } = findRegion("gcp", region)!;
    const addresses = await (await fetch(`${drill.cloud.control}/v1/load-balancers`)).json();
    const { port } = (addresses as Address[]).find(({ name }) => name === "redirector-https-ipv4")!;
    const response = await fetch(`http://127.0.0.1:${port}/v2/semver/semver/manifests/latest`, {
      headers: { "x-rehearsal-client": `${latitude},${longitude}` },
      redirect: "manual",
    });
    return response.headers.get("location") ?? `status ${response.status}`;
  }

  async function objects(bucket: string): Promise<string[]> {
    const list = await fetch(`${drill.cloud.endpoints.gcs}/storage/v1/b/${bucket}/o`);
    const { items = [] } = (await list.json()) as { items?: { name: string }[] };
    return items.map(({ name }) => name).sort();
  }
});

function services(resources: readonly CloudResource[]): CloudResource[] {
  return resources.filter(({ type }) => type === "gcp:cloudrunv2/service:Service");
}
