/** The policy of the mirrors in AWS, as the program declares it, enforced by a real S3 server. What it is about is TLS, and the server here has none. */
import assert from "node:assert/strict";
import { PutBucketPolicyCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { config, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";

let stores: ObjectStores;
let bucket: string;
let policy: string;

describe("bucket policy of the mirrors in AWS", () => {
  before(async () => {
    const resources = await declare(config, manifests);
    const declared = resources.find(({ type }) => type === "aws:s3/bucketPolicy:BucketPolicy");
    bucket = String(declared?.inputs["bucket"]);
    policy = String(declared?.inputs["policy"]);
    stores = await startObjectStores();
    await stores.makeBucket("s3", bucket);
    await stores.s3Client.send(new PutObjectCommand({ Bucket: bucket, Key: "binaries/tool", Body: "the tool" }));
  });
  after(() => stores?.stop());

  const put = (text: string) => stores.s3Client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: text }));
  const download = (path = "/binaries/tool", method = "GET") => fetch(`${stores.s3}/${bucket}${path}`, { method });

  it("anonymous clients can read an object, but not list or write", async () => {
    // As if it came over TLS.
    await put(policy.replace('"aws:SecureTransport":"false"', '"aws:SecureTransport":"true"'));
    assert.equal(await (await download()).text(), "the tool");
    assert.equal((await download("")).status, 403);
    assert.equal((await download("/binaries/other", "PUT")).status, 403);
    assert.equal((await download("/binaries/tool", "DELETE")).status, 403);
  });

  it("refuses reads over plain http", async () => {
    await put(policy);
    assert.equal((await download()).status, 403);
    assert.equal((await download("/binaries/tool", "HEAD")).status, 403);
  });
});
