/** Inventories of files that were sent to S3 in parts, whose ETag there is no MD5: against real stores. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { after, afterEach, before, describe, it } from "mocha";
import { promoteFiles, takeFileInventory } from "../../components/promotion/files/files.ts";
import { traceTo } from "../../components/promotion/http/trace.ts";
import type { Context, FilesRequest } from "../../components/promotion/run/request.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const mebibyte = 1024 * 1024;

describe("inventories of files that were sent to S3 in parts", () => {
  let stores: ObjectStores;
  let buckets = 0;
  let asked: string[] = [];

  before(async () => {
    stores = await startObjectStores();
    await stores.makeBucket("gcs", "staging");
  });
  afterEach(() => traceTo(undefined));
  after(() => stores.stop());

  /** A project with one file of three parts, and mirrors of its own. */
  async function project(kinds: readonly ("gcs" | "s3")[], storage = stores.settings): Promise<FilesRequest> {
    const content = randomBytes(20 * mebibyte);
    const name = `parts-${++buckets}`;
    await stores.stage("staging", `${name}/tool`, content);
    const mirrors = kinds.map((kind, index) => {
      return { name: `${kind}-${index}`, kind, bucket: `${name}-${index}`, region: "us-east-1" };
    });
    for (const { kind, bucket } of mirrors) await stores.makeBucket(kind, bucket);
    const files = `tool sha256:${createHash("sha256").update(content).digest("hex")}\n`;
    return { project: name, files, prefix: name, staging: `staging/${name}`, removalShare: 1, mirrors, storage };
  }

  async function promoted(request: FilesRequest): Promise<void> {
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
  }

  /** What an inventory finds, and the buckets whose objects it asks for one by one. */
  async function inventory(request: FilesRequest): Promise<{ incomplete: object; heads: string[] }> {
    asked = [];
    traceTo((line) => asked.push(line));
    const { incomplete, failures } = await takeFileInventory(request, context);
    traceTo(undefined);
    assert.deepEqual(failures, []);
    return { incomplete, heads: asked.flatMap((line) => /\bHEAD \S+ \/([^/ ]+)\//.exec(line)?.[1] ?? []) };
  }

  it("ask for none: their ETag is recorded with the copy in GCS when they are sent", async () => {
    const request = await project(["gcs", "s3"]);
    await promoted(request);
    assert.deepEqual(await inventory(request), { incomplete: {}, heads: [] });
  });

  it("see other content of the same size in their place, sent in parts too", async () => {
    const request = await project(["gcs", "s3"]);
    await promoted(request);
    const place = { Bucket: request.mirrors[1]!.bucket, Key: `binaries/${request.prefix}/tool` };
    const { UploadId } = await stores.s3Client.send(new CreateMultipartUploadCommand(place));
    const Parts = await Promise.all(
      [8, 8, 4].map(async (size, index) => {
        const part = { ...place, UploadId, PartNumber: index + 1 };
        const { ETag } = await stores.s3Client.send(
          new UploadPartCommand({ ...part, Body: randomBytes(size * mebibyte) }),
        );
        return { ETag, PartNumber: index + 1 };
      }),
    );
    await stores.s3Client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }));
    const { incomplete, heads } = await inventory(request);
    assert.deepEqual(Object.keys(incomplete), ["s3-1"]);
    assert.deepEqual(heads, [request.mirrors[1]!.bucket]);
  });

  it("ask in the first mirror in S3 alone where none is recorded", async () => {
    const request = await project(["s3", "s3", "s3"]);
    // One after the other, so that none is a copy made by the store.
    for (const mirror of request.mirrors) await promoted({ ...request, mirrors: [mirror] });
    assert.deepEqual(await inventory(request), { incomplete: {}, heads: [request.mirrors[0]!.bucket] });
  });

  it("a promotion that may not change what is there, as a fill may not, records nothing and is whole", async () => {
    const proxy = await startFaultyProxy(new URL(stores.gcs).host);
    try {
      proxy.inject((method) => (method === "PATCH" ? { kind: "answer", status: 403, body: "{}" } : undefined));
      const request = await project(["gcs", "s3"], { ...stores.settings, gcsEndpoint: `http://${proxy.host}` });
      await promoted(request);
      assert.deepEqual(proxy.seen.filter(({ method }) => method === "PATCH").length, 1);
      assert.deepEqual(await inventory(request), { incomplete: {}, heads: [request.mirrors[1]!.bucket] });
    } finally {
      await proxy.close();
    }
  });
});
