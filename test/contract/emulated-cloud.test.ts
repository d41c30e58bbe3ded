/** The emulated cloud: real servers, a persistent inventory, and nothing left running. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { startCloud } from "../../local/cloud/cloud.ts";
import { isAlive, startTime } from "../../local/cloud/process-identity.ts";
import type { RecordedProcess } from "../../local/cloud/processes.ts";
import { make, providerConfig, type TestCloud, testCloud, upload } from "../support/emulated-cloud.ts";
import { claimBlock } from "../support/ports.ts";

const bucketType = "gcp:storage/bucket:Bucket";
const repositoryType = "gcp:artifactregistry/repository:Repository";
const s3Type = "aws:s3/bucket:Bucket";

let test1: TestCloud;

describe("emulated cloud", () => {
  before(async () => {
    test1 = await testCloud({ registries: ["us"] });
  });
  after(() => test1.end());

  const bucket = (name: string, inputs = {}) =>
    make(test1.client, bucketType, name, { name, location: "US", forceDestroy: false, ...inputs });

  it("starts a location's registry on demand; a repository is a path in it", async () => {
    assert.deepEqual(Object.keys(test1.cloud.endpoints.registries), ["us"]);
    const id = "projects/demo/locations/asia-east1/repositories/images";
    const made = await make(test1.client, repositoryType, id, { repositoryId: "images", location: "asia-east1" });
    const uri = String(made.computed["registryUri"]);
    assert.match(uri, /^127\.0\.0\.1:\d+\/demo\/images$/);
    const [host, path] = [uri.slice(0, uri.indexOf("/")), uri.slice(uri.indexOf("/"))];
    const pushed = await fetch(`http://${host}/v2${path}/tool/blobs/uploads/?digest=${digestOfHello}`, {
      method: "POST",
      body: "hello",
    });
    assert.equal(pushed.status, 201);
    assert.equal((await fetch(`http://${host}/v2${path}/tool/blobs/${digestOfHello}`)).status, 200);

    await test1.client.delete(repositoryType, id);
    assert.equal(
      (await fetch(`http://${host}/v2${path}/tool/blobs/${digestOfHello}`)).status,
      404,
      "its images went with it",
    );
  });

  it("answers 409 to the creation of an existing resource, unless it adopts", async () => {
    await bucket("twice");
    await assert.rejects(bucket("twice"), { status: 409, message: /^googleapi: Error 409: .*already exists/ });
    const wanted = {
      type: bucketType,
      id: "twice",
      inputs: { name: "twice", location: "EU" },
      computed: {},
      config: providerConfig,
    };
    assert.equal((await test1.client.create(wanted, true)).inputs["location"], "EU");
  });

  it("refuses to delete a bucket with content, unless forceDestroy is set", async () => {
    await bucket("full");
    await upload(test1.cloud, "full", "a/b.txt", "hello");
    await assert.rejects(test1.client.delete(bucketType, "full"), { status: 409, message: /forceDestroy.*not empty/ });
    await test1.client.update({
      type: bucketType,
      id: "full",
      inputs: { name: "full", location: "US", forceDestroy: true },
      computed: {},
      config: providerConfig,
    });
    await test1.client.delete(bucketType, "full");
    assert.equal((await fetch(`${test1.cloud.endpoints.gcs}/storage/v1/b/full`)).status, 404);
  });

  it("does not delete protected resources; keeps abandoned ones; removes lost ones", async () => {
    await bucket("kept", { deletionPolicy: "PREVENT" });
    await assert.rejects(test1.client.delete(bucketType, "kept"), { status: 409, message: /deletionPolicy.*PREVENT/ });
    await bucket("left", { deletionPolicy: "ABANDON" });
    await test1.client.delete(bucketType, "left");
    assert.ok(await test1.client.find(bucketType, "left"));
    await upload(test1.cloud, "kept", "a", "b");
    const lost = await fetch(`${test1.cloud.control}/v1/resources?type=${bucketType}&id=kept&lose=true`, {
      method: "DELETE",
    });
    assert.equal(lost.status, 204);
    assert.equal(await test1.client.find(bucketType, "kept"), undefined);
  });

  it("reserves the name of a deleted identity pool, as Google does for 30 days; not of a lost one", async () => {
    const type = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool";
    const pool = (name: string) => `projects/demo/locations/global/workloadIdentityPools/${name}`;
    for (const [name, query] of [
      ["deleted", ""],
      ["lost", "&lose=true"],
    ] as const) {
      await make(test1.client, type, pool(name), { workloadIdentityPoolId: name });
      await fetch(`${test1.cloud.control}/v1/resources?type=${type}&id=${pool(name)}${query}`, { method: "DELETE" });
      assert.equal(await test1.client.find(type, pool(name)), undefined);
    }
    await assert.rejects(make(test1.client, type, pool("deleted"), { workloadIdentityPoolId: "deleted" }), {
      status: 409,
      message: /Error 409: Requested entity already exists/,
    });
    await make(test1.client, type, pool("lost"), { workloadIdentityPoolId: "lost" });
  });

  it("refuses the operations of a fault until the fault is removed", async () => {
    const faults = async (list: readonly object[]) => {
      const put = { method: "PUT", body: JSON.stringify(list) };
      assert.equal((await fetch(`${test1.cloud.control}/v1/faults`, put)).status, 204);
    };
    await faults([{ type: "Bucket$", id: "^out", operations: ["create", "read"], status: 503, message: "Error 503" }]);
    await assert.rejects(bucket("out-1"), { status: 503, message: "Error 503" });
    await assert.rejects(test1.client.find(bucketType, "out-1"), { status: 503 });
    await bucket("in-1");
    await faults([]);
    await bucket("out-1");
  });

  it("allows anonymous reads of a bucket only if granted, and lists only with a role that may list", async () => {
    await bucket("shop");
    await upload(test1.cloud, "shop", "tool.txt", "hello");
    const url = `${test1.cloud.endpoints.gcs}/shop`;
    assert.equal((await fetch(`${url}/tool.txt`)).status, 403);
    const grant = (role: string) =>
      make(test1.client, "gcp:storage/bucketIAMBinding:BucketIAMBinding", `b/shop/${role}`, {
        bucket: "shop",
        role,
        members: ["allUsers"],
      });
    await grant("roles/storage.legacyObjectReader");
    assert.equal(await (await fetch(`${url}/tool.txt`)).text(), "hello");
    assert.equal((await fetch(`${url}/`)).status, 403);
    assert.equal((await fetch(`${url}/other.txt`, { method: "PUT", body: "x" })).status, 403);
    await test1.client.update({
      type: bucketType,
      id: "shop",
      inputs: { name: "shop", location: "US", publicAccessPrevention: "enforced" },
      computed: {},
      config: providerConfig,
    });
    assert.equal((await fetch(`${url}/tool.txt`)).status, 403);
  });

  it("S3: one server per region, buckets by region, enforced policies", async () => {
    const regions = ["us-east-1", "eu-west-2"];
    for (const region of regions)
      await make(test1.client, s3Type, `layers-${region}`, { bucket: `layers-${region}`, region });
    const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } =
      test1.cloud.environment;
    const client = (region: string) =>
      new S3Client({
        endpoint: test1.cloud.endpoints.s3,
        region,
        forcePathStyle: true,
        credentials: { accessKeyId, secretAccessKey },
      });
    for (const region of regions) {
      const bucketName = `layers-${region}`;
      await client(region).send(new PutObjectCommand({ Bucket: bucketName, Key: "a/b", Body: `from ${region}` }));
      const found = await client(region).send(new GetObjectCommand({ Bucket: bucketName, Key: "a/b" }));
      assert.equal(await found.Body?.transformToString(), `from ${region}`);
    }
    await assert.rejects(client("us-east-1").send(new GetObjectCommand({ Bucket: "layers-eu-west-2", Key: "a/b" })), {
      name: "AuthorizationHeaderMalformed",
    });

    const url = `${test1.cloud.endpoints.s3}/layers-us-east-1/a/b`;
    assert.equal((await fetch(url)).status, 403);
    const policy = {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::layers-us-east-1/*" },
        {
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::123456789012:role/promoter" },
          Action: "s3:*",
          Resource: "arn:aws:s3:::layers-us-east-1/*",
        },
        {
          Effect: "Deny", // the emulation has no TLS
          Principal: "*",
          Action: "s3:*",
          Resource: ["arn:aws:s3:::layers-us-east-1", "arn:aws:s3:::layers-us-east-1/*"],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    };
    const setPolicy = () =>
      make(test1.client, "aws:s3/bucketPolicy:BucketPolicy", "layers-us-east-1", {
        bucket: "layers-us-east-1",
        region: "us-east-1",
        policy: JSON.stringify(policy),
      });
    await assert.rejects(setPolicy(), /BlockPublicPolicy/);
    await make(test1.client, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "layers-us-east-1", {
      bucket: "layers-us-east-1",
      region: "us-east-1",
      blockPublicPolicy: false,
    });
    await setPolicy();
    assert.equal(await (await fetch(url)).text(), "from us-east-1");
    assert.equal((await fetch(`${test1.cloud.endpoints.s3}/layers-nowhere/a`)).status, 404);
  });

  it("refuses settings and grants of missing resources", async () => {
    const grant = { bucket: "nowhere", role: "roles/storage.objectViewer", member: "allUsers" };
    await assert.rejects(make(test1.client, "gcp:storage/bucketIAMMember:BucketIAMMember", "b/nowhere", grant), {
      status: 404,
      message: /nowhere/,
    });
    await bucket("real");
    const member = "serviceAccount:ghost@demo.iam.gserviceaccount.com";
    await assert.rejects(
      make(test1.client, "gcp:storage/bucketIAMMember:BucketIAMMember", "b/real", { ...grant, bucket: "real", member }),
      {
        status: 400,
        message: /ghost@demo\.iam\.gserviceaccount\.com does not exist/,
      },
    );
  });

  it("keeps inventory, data and ports over a restart", async () => {
    await bucket("lasting");
    await upload(test1.cloud, "lasting", "file", "still here");
    const id = "projects/demo/locations/us/repositories/lasting";
    const { computed } = await make(test1.client, repositoryType, id, { repositoryId: "lasting", location: "us" });
    const { endpoints } = test1.cloud;
    await test1.restart();
    assert.deepEqual(
      { ...test1.cloud.endpoints.registries, ...endpoints.registries },
      test1.cloud.endpoints.registries,
    );
    assert.deepEqual([test1.cloud.endpoints.gcs, test1.cloud.endpoints.s3], [endpoints.gcs, endpoints.s3]);
    assert.deepEqual((await test1.client.find(repositoryType, id))?.computed, computed);
    await assert.rejects(bucket("lasting"), { status: 409 });
    const read = await fetch(`${endpoints.gcs}/storage/v1/b/lasting/o/file?alt=media`);
    assert.equal(await read.text(), "still here");
  });

  it("refuses a second cloud on the same directory while the first runs", async () => {
    const script = `import { startCloud } from ${JSON.stringify(new URL("../../local/cloud/cloud.ts", import.meta.url).href)};
    await startCloud(${JSON.stringify({ dir: test1.dir, ports: test1.ports })});`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 1);
    assert.match(said, new RegExp(`A rehearsal already runs on .* \\(process ${process.pid}\\)`));
    assert.equal((await fetch(`${test1.cloud.control}/v1/status`)).status, 200, "the first one is unharmed");
  });

  it("after a kill -9 the next start stops the orphaned processes and no others", async () => {
    const dir = await mkdtemp(join(tmpdir(), "emulated-cloud-killed-"));
    const ports = await claimBlock(20);
    const script = `import { startCloud } from ${JSON.stringify(new URL("../../local/cloud/cloud.ts", import.meta.url).href)};
    await startCloud(${JSON.stringify({ dir, ports, registries: ["us"] })}); console.log("started");`;
    const victim = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(victim.stdout, "data");
    victim.kill("SIGKILL");
    await once(victim, "close");
    const recorded = JSON.parse(await readFile(join(dir, "pids.json"), "utf8")) as {
      children: RecordedProcess[];
      owner: RecordedProcess;
    };
    assert.deepEqual(
      recorded.children.map(isAlive),
      recorded.children.map(() => true),
    );

    // Another process that got the pid of a child: same pid, another start time.
    const stranger = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    recorded.children.push({ pid: stranger.pid!, startTime: "1", purpose: "image registry gone", stateless: false });
    await writeFile(join(dir, "pids.json"), JSON.stringify(recorded));

    const next = await startCloud({ dir, ports });
    try {
      assert.deepEqual(next.leftovers.map(({ purpose }) => purpose).sort(), ["Cloud Storage", "image registry us"]);
      assert.deepEqual(
        next.leftovers.map(isAlive),
        next.leftovers.map(() => false),
      );
      assert.ok(startTime(stranger.pid!), "the stranger runs");
    } finally {
      stranger.kill();
      await next.stop();
      await rm(dir, { recursive: true });
    }
  });

  it("names a port in use in one error and leaves nothing running", async () => {
    const dir = await mkdtemp(join(tmpdir(), "emulated-cloud-ports-"));
    const ports = await claimBlock(20);
    const rival = createServer();
    const taken = ports.base + 2;
    await new Promise<void>((resolve) => rival.listen(taken, "127.0.0.1", resolve));
    try {
      await assert.rejects(
        startCloud({ dir, ports, registries: ["us", "eu"] }),
        new RegExp(`^Error: Port ${taken} on 127.0.0.1, wanted for .*is used by another program`),
      );
      assert.equal(existsSync(join(dir, "pids.json")), false);
    } finally {
      rival.close();
      await rm(dir, { recursive: true });
    }
  });

  it("leaves nothing running after an aborted start", async () => {
    const dir = await mkdtemp(join(tmpdir(), "emulated-cloud-aborted-"));
    const abort = new AbortController();
    const started = startCloud({ dir, ports: await claimBlock(20), registries: ["us"], signal: abort.signal });
    const refused = assert.rejects(started, /enough/);
    while (!existsSync(join(dir, "logs"))) await new Promise((resolve) => setTimeout(resolve, 2));
    abort.abort(new Error("enough"));
    await refused;
    assert.equal(existsSync(join(dir, "pids.json")), false);
    await rm(dir, { recursive: true });
  });

  it("the control API refuses requests from web pages", async () => {
    const url = `${test1.cloud.control}/v1/resources`;
    assert.equal((await fetch(url)).status, 200);
    assert.equal((await fetch(url, { headers: { origin: "https://evil.example" } })).status, 403);
    const rebound = request(url, { headers: { host: "evil.example" } }).end();
    const [response] = (await once(rebound, "response")) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 403);
  });
});

const digestOfHello = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
