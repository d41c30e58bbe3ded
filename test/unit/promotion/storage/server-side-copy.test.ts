/** Copies inside a store at sizes that no emulated store takes: against a server that answers as the documentation says, and moves no bytes. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { it } from "mocha";
import { CopyUnproven, ObjectExists, type Stored } from "../../../../components/promotion/storage/bucket.ts";
import { connectGcs } from "../../../../components/promotion/storage/gcs.ts";
import { connectS3 } from "../../../../components/promotion/storage/s3.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";

const sha256 = "a".repeat(64);
const headers = { contentType: "application/gzip", cacheControl: "public", project: "kops" };
const never = new AbortController().signal;
const source: Stored & { readonly sha256: string } = {
  key: "binaries/kops/a b+c",
  size: 6 * 1024 ** 3 + 5,
  version: "7",
  sha256,
  crc32c: "AAAAAA==",
};

/** A request as a server sees it, and what it answers. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly request: IncomingMessage;
  readonly body: string;
}
type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string };

async function serve(answer: (seen: Seen) => Answer): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = await serveOnLoopback((request, response) => {
    void text(request).then((body) => {
      const one = { method: request.method ?? "", url: decodeURIComponent(request.url ?? ""), request, body };
      seen.push(one);
      const { status = 200, headers: fields = {}, body: content = "" } = answer(one);
      response.writeHead(status, fields).end(content);
    });
  });
  afterTest(() => server.close());
  return { url: server.url, seen };
}

const metadata = { "artifacts-sha256": sha256, "artifacts-crc32c": "AAAAAA==", "artifacts-project": "kops" };

it("GCS: calls again with the token until the store is done", async () => {
  let call = 0;
  const { url, seen } = await serve(() => {
    const isDone = ++call === 3;
    const resource = { name: "k", size: String(source.size), generation: "9", crc32c: "AAAAAA==", metadata };
    const more = { done: false, rewriteToken: `token-${call}`, totalBytesRewritten: `${call * 1000}` };
    return { body: JSON.stringify(isDone ? { done: true, resource } : more) };
  });
  const client = connectGcs(url);
  afterTest(() => client.close());
  const copied: number[] = [];
  await client
    .bucket("eu")
    .copyFrom("us", source, "binaries/kops/a b+c", headers, never, (bytes) => copied.push(bytes));
  assert.deepEqual(copied, [1000, 1000], "what each call but the last has copied");
  assert.deepEqual(
    seen.map(({ url: path }) => /rewriteToken=([^&]*)/.exec(path)?.[1]),
    [undefined, "token-1", "token-2"],
  );
  for (const { method, url: path, body } of seen) {
    assert.equal(method, "POST");
    assert.match(
      path,
      /^\/storage\/v1\/b\/us\/o\/binaries\/kops\/a b\+c\/rewriteTo\/b\/eu\/o\/binaries\/kops\/a b\+c\?/,
    );
    assert.match(path, /ifGenerationMatch=0&sourceGeneration=7/);
    assert.deepEqual(JSON.parse(body), { contentType: "application/gzip", cacheControl: "public", metadata });
  }
});

it("GCS: a copy with another checksum is removed, a key that is taken is reported", async () => {
  const resource = { name: "k", size: String(source.size), generation: "9", crc32c: "BBBBBB==", metadata };
  let status = 200;
  const { url, seen } = await serve(({ method }) =>
    method === "DELETE" ? { status: 204 } : { status, body: JSON.stringify({ done: true, resource }) },
  );
  const client = connectGcs(url);
  afterTest(() => client.close());
  const copy = (): Promise<void> => client.bucket("eu").copyFrom("us", source, "k", headers, never);
  await assert.rejects(copy(), CopyUnproven);
  assert.deepEqual(seen.map(({ method, url: path }) => `${method} ${path.split("?")[1]}`).slice(1), [
    "DELETE ifGenerationMatch=9",
  ]);
  status = 412;
  await assert.rejects(copy(), ObjectExists);
});

it("S3: copies above 5 GB go in parts of 1 GiB, and are complete only with the source's checksum", async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "testkey", AWS_SECRET_ACCESS_KEY: "testsecret" });
  const xml = (text: string): Answer => ({ headers: { "content-type": "application/xml" }, body: text });
  const { url, seen } = await serve(({ method, url: path }) => {
    if (path.includes("?uploads")) return xml("<R><UploadId>id</UploadId></R>");
    if (method === "PUT") return xml(`<R><ETag>"e"</ETag><ChecksumCRC32C>part==</ChecksumCRC32C></R>`);
    if (method === "POST") return xml(`<R><ETag>"whole-7"</ETag></R>`);
    const noted = Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
    return {
      headers: {
        "content-length": String(source.size),
        "x-amz-checksum-crc32c": "AAAAAA==",
        "x-amz-checksum-type": "FULL_OBJECT",
        ...Object.fromEntries(noted),
      },
    };
  });
  const client = connectS3({ region: "eu-west-1", endpoint: url, pathStyle: true });
  afterTest(() => client.close());
  const copied: number[] = [];
  await client.bucket("eu").copyFrom("us", source, "k", headers, never, (bytes) => copied.push(bytes));
  assert.deepEqual([copied.length, copied[0], copied.reduce((sum, bytes) => sum + bytes)], [7, 1024 ** 3, source.size]);
  const parts = seen.filter(({ method }) => method === "PUT");
  assert.equal(parts.length, 7);
  assert.deepEqual(parts.map(({ request }) => request.headers["x-amz-copy-source-range"]).slice(-2), [
    `bytes=${5 * 1024 ** 3}-${6 * 1024 ** 3 - 1}`,
    `bytes=${6 * 1024 ** 3}-${source.size - 1}`,
  ]);
  for (const { request } of parts) {
    assert.equal(request.headers["x-amz-copy-source"], "us/binaries/kops/a%20b%2Bc");
    assert.equal(request.headers["x-amz-copy-source-if-match"], "7");
  }
  const complete = seen.find(({ method, url: path }) => method === "POST" && path.includes("uploadId="))!.request;
  assert.equal(complete.headers["x-amz-checksum-crc32c"], "AAAAAA==");
  assert.equal(complete.headers["x-amz-checksum-type"], "FULL_OBJECT");
  assert.equal(complete.headers["x-amz-mp-object-size"], String(source.size));
  assert.equal(complete.headers["if-none-match"], "*");
});

it("S3: one request up to 5 GB; a copy that the store does not prove is removed", async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "testkey", AWS_SECRET_ACCESS_KEY: "testsecret" });
  const small = { ...source, size: 5 };
  const { url, seen } = await serve(({ method }) =>
    method === "HEAD" ? { headers: { "content-length": "5", etag: '"other"' } } : { body: "<R><ETag>e</ETag></R>" },
  );
  const client = connectS3({ region: "eu-west-1", endpoint: url, pathStyle: true });
  afterTest(() => client.close());
  await assert.rejects(client.bucket("eu").copyFrom("us", small, "k", headers, never), CopyUnproven);
  assert.deepEqual(
    seen.map(({ method }) => method),
    ["PUT", "HEAD", "DELETE"],
  );
  const { headers: put } = seen[0]!.request;
  assert.equal(put["if-none-match"], "*");
  assert.equal(put["x-amz-metadata-directive"], "REPLACE");
  assert.equal(put["x-amz-checksum-algorithm"], "CRC32C");
});
