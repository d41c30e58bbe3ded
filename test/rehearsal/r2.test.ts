/**
 * A bucket at Cloudflare R2 through its life: the program makes it and its domain, an owner's keys fill it, clients are sent there, a lost state is adopted,
 * it leaves the config and comes back. The S3 server behind it is not the one of AWS; what it is named in public is emulated by its address.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { parseConfig, type RedirectorConfigInput } from "../../redirector/config.ts";
import { startRedirector } from "../support/redirector-process.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { followSection } from "../support/rehearsal/runbook.ts";
import { wantedOf } from "./production.ts";

const bucket = "acme-images";
const domain = "https://images-r2.example.org";
const account = "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d";

describe("a bucket at R2", () => {
  let drill: Drill;
  let artifacts: DemoArtifacts;
  let manifests: string;
  let s3: S3Client;
  let wanted: { readonly image: string; readonly tag: string; readonly digest: string }[];
  let keys: Readonly<Record<string, string>>;
  const regions = {
    "artifacts:gcpRegions": ["us-central1"],
    "artifacts:awsRegions": [],
    "artifacts:redirector": { prefer: ["cheapest", "nearest"] },
  };
  const withStore = () => ({
    ...regions,
    "artifacts:imageStores": [
      {
        name: "r2",
        kind: "r2",
        bucket,
        account,
        zone: "0123456789abcdef0123456789abcdef",
        endpoint: drill.cloud.endpoints.s3, // R2 has one for each account
        url: domain,
        near: "us-central1",
      },
    ],
  });

  before(async () => {
    [drill, artifacts] = await Promise.all([Drill.open({ redirector: "stand-in" }), makeArtifacts()]);
    manifests = join(drill.folder, "manifests");
    await cp(demoManifestsFolder, manifests, { recursive: true });
    await rm(join(manifests, "dotslash"), { recursive: true }); // one project is enough
    const projects = artifacts.projects.filter(({ name }) => name === "semver");
    wanted = [...wantedOf(projects).images].flatMap(([image, tags]) =>
      [...tags].map(([tag, digest]) => ({ image, tag, digest })),
    );
    assert.ok(wanted.length > 0);
    const { accessKeyId, secretAccessKey } = drill.rehearsal.awsCredentials;
    keys = { R2_ACCESS_KEY_ID: accessKeyId, R2_SECRET_ACCESS_KEY: secretAccessKey };
    const { s3: endpoint } = drill.cloud.endpoints;
    s3 = new S3Client({
      endpoint,
      region: "auto",
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
    await drill.configure(manifests, regions);
    await drill.stage({ ...artifacts, projects });
    drill.checkpoints = false; // no run is interrupted here
    await drill.run("pulumi up");
  });
  after(async () => {
    for (const name of Object.keys(keys)) delete process.env[name];
    s3.destroy();
    await drill.end();
  });

  it("an owner's first up makes it and its domain, and names the keys that are missing; with them it is filled, and the state has none of them", async () => {
    await drill.configure(manifests, withStore());
    const first = await drill.refused("pulumi up --continue-on-error");
    assert.match(first, /images-r2: .*no keys: set R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY/);
    assert.deepEqual(await stored(), new Map());
    assert.equal(
      (await fetch(`${publicUrl()}/none`)).status,
      404,
      "its domain is there: everybody reads single objects",
    );
    assert.equal((await fetch(publicUrl())).status, 403, "nobody lists them");
    Object.assign(process.env, keys);
    await drill.run("pulumi up");
    await assertPulled();
    const state = await readFile(join(drill.folder, "state/.pulumi/stacks/artifacts/local.json"), "utf8");
    assert.match(state, /R2CustomDomain/);
    assert.doesNotMatch(state, /apiToken|imageStoreKeys/);
    for (const value of Object.values(keys)) assert.ok(value !== "" && !state.includes(value));
  });

  it("lost state: adopting takes the bucket over with what it has, and its domain is made again", async () => {
    const before = await stored();
    const made = await created();
    await rm(join(drill.folder, "state/.pulumi"), { recursive: true });
    await followSection(drill, "The state is lost");
    assert.deepEqual(await stored(), before, "nothing was copied again");
    assert.equal((await created()).bucket, made.bucket);
    assert.notEqual((await created()).domain, made.domain);
    await assertPulled();
  });

  it("it leaves the config: its domain is gone, it stays with what it has; named again, it is adopted and brought up to date", async () => {
    await drill.configure(manifests, regions);
    await drill.run("pulumi up");
    const before = await stored();
    const [{ image, digest }] = wanted as [(typeof wanted)[number]];
    assert.equal((await fetch(`${publicUrl()}/none`)).status, 403);
    assert.ok(!(await deployed()).imageMirrors?.some(({ name }) => name === "images-r2"));
    // What is promoted meanwhile does not reach it.
    const file = join(manifests, "semver", "images.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace(/": \["/, '": ["meanwhile", "'));
    await drill.run("pulumi up");
    assert.deepEqual(await stored(), before);

    await drill.configure(manifests, withStore());
    assert.match(await drill.refused("pulumi up --continue-on-error"), /10004.*already exists, and you own it/);
    await drill.run("npm run adopt");
    await drill.run("pulumi preview --expect-no-changes");
    await assertPulled();
    const tagged = [...(await stored()).keys()].filter((key) => key.includes("meanwhile"));
    assert.ok(tagged.length > 0, `${image} ${digest}`);
  });

  const publicUrl = () => `${drill.cloud.endpoints.s3}/${bucket}`;

  /** What is in the bucket, with the time of each write. */
  async function stored(): Promise<Map<string, string>> {
    const { Contents = [], IsTruncated } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
    assert.notEqual(IsTruncated, true);
    return new Map(Contents.map(({ Key = "", ETag, LastModified }) => [Key, `${ETag} ${LastModified?.toISOString()}`]));
  }

  /** When its resources were made. */
  async function created(): Promise<{ bucket: unknown; domain: unknown }> {
    const made = (type: string, all: Awaited<ReturnType<Drill["resources"]>>) =>
      all.find((resource) => resource.type.endsWith(`:${type}`))?.computed["__created"];
    const all = await drill.resources();
    return { bucket: made("R2Bucket", all), domain: made("R2CustomDomain", all) };
  }

  /** The redirector's config as it is deployed. */
  async function deployed(): Promise<RedirectorConfigInput> {
    const service = (await drill.resources()).find(({ type }) => type === "gcp:cloudrunv2/service:Service");
    assert.ok(service);
    const { containers } = service.inputs["template"] as { containers: { envs: { value: string }[] }[] };
    const text = containers[0]!.envs[0]!.value;
    assert.ok("config" in parseConfig(text));
    return JSON.parse(text) as RedirectorConfigInput;
  }

  /** Each tag that was promoted is redirected to the bucket, whose bytes are the digest's. Tags of attachments go to the canonical mirror, and are there too. */
  async function assertPulled(): Promise<void> {
    const text = JSON.stringify(await deployed());
    assert.ok(text.includes(domain));
    const redirector = await startRedirector({ config: text.replaceAll(domain, publicUrl()) });
    let place = ""; // of the image that is looked at
    try {
      for (const { image, tag, digest } of wanted) {
        const url = `http://127.0.0.1:${redirector.port}/v2/${image}/manifests/${tag}`;
        const answer = await fetch(url, { headers: { accept: "*/*" }, redirect: "manual" });
        assert.equal(answer.status, 307, `${url}: ${await answer.text()}`);
        const to = answer.headers.get("location") ?? "";
        const isAttachment = tag.startsWith("sha256-");
        assert.equal(to.startsWith(`${publicUrl()}/`), !isAttachment, to);
        if (!isAttachment) place = to.slice(0, -tag.length);
        const location = `${place}${tag}`;
        const bytes = Buffer.from(await (await fetch(location)).arrayBuffer());
        assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, digest, location);
      }
    } finally {
      await redirector.stop();
    }
  }
});
