/** The trace of a promotion and of an audit: one line for each request that the servers saw, and no secret in any. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { promoteFiles, takeFileInventory } from "../../components/promotion/files/files.ts";
import { traceTo } from "../../components/promotion/http/trace.ts";
import { type ImagePromotion, imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, FilesRequest, ImagesRequest } from "../../components/promotion/run/request.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const shape =
  /^trace: (?:GET|HEAD|PUT|POST|PATCH|DELETE) 127\.0\.0\.1:\d+ \/\S* status=(?:\d{3}|-) ms=\d+ sent=\d+ received=(?:\d+|-) try=\d+(?: error=".*")?$/;
/** What must not show: the tokens and passwords of this test, and the names of what carries a signature. */
const secret = /secret|authorization|bearer|basic|signature|credential|uploadid|upload_id|_state|x-amz/i;

describe("the trace", () => {
  let registries: TestRegistry[];
  let stores: ObjectStores;
  let guarded: FaultyProxy;
  let promotion: ImagePromotion;
  const lines: string[] = [];
  before(async () => {
    [registries, stores] = await Promise.all([
      Promise.all([startRegistry("olareg"), startRegistry("olareg")]),
      startObjectStores(),
    ]);
    guarded = await startFaultyProxy(registries[1]!.host);
    guarded.inject((_, url, { authorization }) => {
      if (url.startsWith("/token"))
        return { kind: "answer", status: 200, body: JSON.stringify({ token: "secret-token" }) };
      if (authorization === "Bearer secret-token") return undefined;
      const challenge = `Bearer realm="http://${guarded.host}/token",service="registry"`;
      return { kind: "answer", status: 401, headers: { "www-authenticate": challenge } };
    });
    promotion = imagePromotion({
      credentials: async (host) =>
        host === guarded.host ? { username: "robot", password: "secret-password" } : undefined,
    });
    for (const name of ["staging", "us"]) await stores.makeBucket("gcs", name, { versioned: true });
    for (const name of ["aws", "layers"]) await stores.makeBucket("s3", name, { versioned: true });
  });
  after(async () => {
    await promotion.close();
    await Promise.all([guarded.close(), stores.stop(), ...registries.map((registry) => registry.remove())]);
  });
  beforeEach(() => {
    lines.length = 0;
    traceTo((line) => lines.push(line));
  });
  afterEach(() => traceTo(undefined));

  function checkLines(): void {
    for (const line of lines) {
      assert.match(line, shape);
      assert.doesNotMatch(line, secret);
    }
  }

  const has = (pattern: RegExp) =>
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${pattern} in\n${lines.join("\n")}`,
    );

  it("of a promotion and an audit of images: registries, token server, and S3 for layers", async () => {
    const { digest } = await new Pusher(registries[0]!.host, "staging/app").image({
      layers: [randomBytes(5 * 1024 * 1024)],
    });
    const storage = { s3Endpoint: stores.s3, s3UsePathStyle: true };
    const request: ImagesRequest = {
      project: "p",
      images: `app:v1 ${digest}\n`,
      prefix: "p",
      staging: `${registries[0]!.host}/staging`,
      mirrors: [{ name: "guarded", repository: `${guarded.host}/images` }],
      layerMirrors: [{ name: "aws", bucket: "layers", region: "us-east-1" }],
      mutableTags: [],
      removalShare: 1,
      storage,
    };
    assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
    assert.deepEqual((await promotion.takeInventory(request, context)).failures, []);
    checkLines();
    has(/GET \S+ \/token\?service=registry&scope=\S+ status=200 .* try=\d$/);
    has(/PATCH \S+ \/v2\/images\/p\/app\/blobs\/uploads\/\S+ status=202 ms=\d+ sent=5242880 received=0 try=1$/);
    has(/PUT \S+ \/v2\/images\/p\/app\/manifests\/v1 status=201 ms=\d+ sent=\d{3} /);
    has(/GET \S+ \/v2\/images\/p\/app\/tags\/list\?n=1000 status=200 .* received=[1-9]/);
    has(/PUT \S+ \/layers\/containers\/images\/sha256%3A\S+ status=200 ms=\d+ sent=5242880 /);
    // Nothing that the mirror saw is missing.
    const count = lines.filter((line) => line.includes(` ${guarded.host} `)).length;
    assert.equal(count, guarded.seen.length);
  });

  it("of a promotion and an audit of files: GCS and S3", async () => {
    const content = randomBytes(20 * 1024 * 1024);
    const sha256 = createHash("sha256").update(content).digest("hex");
    await stores.stage("staging", "big", content, { contentEncoding: "identity" }); // which is not copied inside the store
    await stores.stage("staging", "copied", content);
    const request: FilesRequest = {
      project: "kops",
      files: `big sha256:${sha256}\ncopied sha256:${sha256}\n`,
      prefix: "kops",
      staging: "staging",
      removalShare: 0.5,
      mirrors: [
        { name: "us", kind: "gcs", bucket: "us", region: "us-central1" },
        { name: "aws", kind: "s3", bucket: "aws", region: "us-east-1" },
      ],
      storage: stores.settings,
    };
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
    assert.deepEqual((await takeFileInventory(request, context)).failures, []);
    checkLines();
    has(
      /GET \S+ \/storage\/v1\/b\/staging\/o\/big\?alt=media&generation=\d+ status=200 ms=\d+ sent=0 received=20971520 try=1$/,
    );
    has(/POST \S+ \/storage\/v1\/b\/staging\/o\/copied\/rewriteTo\/b\/us\/o\/\S+&sourceGeneration=\d+&\S+ status=200 /);
    has(/POST \S+ \/upload\/storage\/v1\/b\/us\/o\?uploadType=resumable&\S+ status=200 /);
    has(/PUT \S+ \/upload\/\S* status=308 ms=\d+ sent=8388608 /);
    has(/PUT \S+ \/aws\/binaries\/kops\/big\?\S*partNumber=1&\S+ status=200 ms=\d+ sent=8388608 /);
    has(/GET \S+ \/aws\/\?list-type=2&\S+ status=200 /);
  });

  it("of a request that is tried again", async () => {
    let failed = 0;
    const broken = await startFaultyProxy(registries[0]!.host);
    try {
      broken.inject(() => (failed++ < 2 ? { kind: "answer", status: 503 } : undefined));
      const { digest } = await new Pusher(registries[0]!.host, "staging/again").image();
      const request: ImagesRequest = {
        project: "again",
        images: `again@${digest}\n`,
        prefix: "again",
        staging: `${broken.host}/staging`,
        mirrors: [{ name: "plain", repository: `${registries[0]!.host}/images` }],
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        storage: {},
      };
      assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
      checkLines();
      has(/ status=503 .* try=1$/);
      has(/ status=200 .* try=[23]$/);
    } finally {
      await broken.close();
    }
  });
});
