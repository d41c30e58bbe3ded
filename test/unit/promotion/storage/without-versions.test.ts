/** A store of S3's kind that keeps no versions, as Cloudflare R2: "S3 API compatibility" in its documentation; 501 is its answer to what it does not implement. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { ObjectExists, type StoreClient } from "../../../../components/promotion/storage/bucket.ts";
import { connectS3 } from "../../../../components/promotion/storage/s3.ts";
import { type LoopbackServer, serveOnLoopback } from "../../../support/loopback-server.ts";
import { withShortPauses } from "../../../support/short-pauses.ts";

describe("a store without versions", () => {
  withShortPauses();
  const { signal } = new AbortController();
  let server: LoopbackServer;
  let store: StoreClient;
  before(async () => {
    server = await serveOnLoopback((request, response) => {
      const url = request.url ?? "";
      const isUnknown = /[?&]version(s|ing)(&|=|$)/.test(url);
      request.resume();
      request.once("end", () => {
        response.writeHead(isUnknown ? 501 : request.method === "PUT" ? 412 : 200, { etag: '"1"' });
        response.end(
          isUnknown ? "<Error><Code>NotImplemented</Code></Error>" : "<Error><Code>PreconditionFailed</Code></Error>",
        );
      });
    });
    Object.assign(process.env, { PLAIN_ACCESS_KEY_ID: "id", PLAIN_SECRET_ACCESS_KEY: "secret" });
    store = connectS3({ region: "auto", endpoint: server.url, pathStyle: true, keys: "PLAIN", partsOnly: true });
  });
  after(async () => {
    await store.close();
    await server.close();
  });

  it("says that an object exists, though it knows nothing of delete markers", async () => {
    const bytes = Buffer.from("content");
    const content = { size: bytes.length, sha256: "0".repeat(64), crc32c: "AAAAAA==" };
    const headers = { contentType: "text/plain", cacheControl: "public, max-age=60" };
    const upload = await store.bucket("b").create("key", content, headers, signal);
    await assert.rejects(upload.finish({ bytes, offset: 0, crc32c: "AAAAAA==" }), ObjectExists);
  });

  it("keeps nothing that is removed", async () => {
    assert.equal(await store.bucket("b").keepsRemoved(signal), false);
  });
});
