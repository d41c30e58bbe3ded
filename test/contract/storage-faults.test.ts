/** Release files through networks and stores that fail: all that may pass is repeated, and nothing wrong is ever committed. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, beforeEach, describe, it } from "mocha";
import { promoteFiles, takeFileInventory } from "../../components/promotion/files/files.ts";
import type { Context, FileMirror, FilesRequest, Outcome } from "../../components/promotion/run/request.ts";
import { type Bucket, chunkBytes, ObjectExists } from "../../components/promotion/storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../../components/promotion/storage/crc32c.ts";
import { connectGcs } from "../../components/promotion/storage/gcs.ts";
import { connectS3 } from "../../components/promotion/storage/s3.ts";
import { type Choose, type Fault, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { serveOnLoopback } from "../support/loopback-server.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { withShortPauses, withTruePauses } from "../support/short-pauses.ts";

const mebibyte = 1024 * 1024;

let stores: ObjectStores;
let proxies: { gcs: FaultyProxy; s3: FaultyProxy };
let world = 0;
/** Headers of a staged object that no store is asked to copy: it is sent. */
const sent = { contentEncoding: "identity" };
const isPart: Matches = (method, url) => method === "PUT" && url.includes("partNumber=");

describe("release files through failing networks and stores", () => {
  withShortPauses();
  before(async () => {
    stores = await startObjectStores();
    proxies = {
      gcs: await startFaultyProxy(new URL(stores.gcs).host),
      s3: await startFaultyProxy(new URL(stores.s3).host),
    };
  });
  after(async () => {
    await proxies.gcs.close();
    await proxies.s3.close();
    await stores.stop();
  });
  beforeEach(async () => {
    world++;
    await stores.makeBucket("gcs", `staging-${world}`);
    await stores.makeBucket("gcs", `prod-${world}`);
    await stores.makeBucket("s3", `prod-${world}`);
    for (const proxy of Object.values(proxies)) {
      proxy.inject(answersStatusQueries());
      proxy.seen.length = 0;
    }
  });

  const isWrite: Matches = (method) => method === "PUT" || method === "POST";
  const isDownload: Matches = (_method, url) => url.includes("alt=media");
  const isChunk: Matches = (method, _url, headers) => method === "PUT" && "content-range" in headers;
  const isCopy: Matches = (_method, url) => url.includes("/rewriteTo/");
  const isList: Matches = (_method, url) => url.includes("list-type=2");
  /** What S3 says of a bucket in which nothing is. */
  const emptyList = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  const isCompletion: Matches = (method, url) => method === "POST" && url.includes("uploadId=");

  for (const { kind, where, headers } of [
    { kind: "gcs", where: "gcs", headers: sent },
    { kind: "gcs", where: "the store of staging, which copies,", headers: {} },
    { kind: "s3", where: "s3", headers: {} },
  ] as const) {
    describe(`the mirror is in ${where} and`, () => {
      const small = { file: randomBytes(50_000) };
      const large = { file: randomBytes(20 * mebibyte + 11) };

      const passing: Record<string, { files: Record<string, Uint8Array>; choose: () => Choose }> = {
        "answers 500 twice": { files: small, choose: () => breaking(isWrite, [1, 2], { kind: "answer", status: 500 }) },
        "answers 503 in the middle of a large file": {
          files: large,
          choose: () => breaking(isWrite, [3, 3], { kind: "answer", status: 503 }),
        },
        "breaks the first three connections": {
          files: small,
          choose: () => breaking(() => true, [1, 3], { kind: "cut-request", after: 0 }),
        },
        "breaks in the middle of a small file": {
          files: small,
          choose: () => breaking(isWrite, [1, 1], { kind: "cut-request", after: 20_000 }),
        },
        "breaks in the middle of a chunk, twice": {
          files: large,
          choose: () => breaking(isWrite, [2, 3], { kind: "cut-request", after: 3 * mebibyte }),
        },
        "loses the answer to a small file's creation": {
          files: small,
          choose: () => breaking(isWrite, [1, 1], { kind: "cut-answer", after: 0 }),
        },
        "answers slowly": { files: small, choose: () => () => ({ kind: "slow", piece: 200, every: 5 }) },
      };
      for (const [what, { files, choose }] of Object.entries(passing)) {
        it(`${what}: the file arrives whole, and only once`, async () => {
          await stage(files, headers);
          proxies[kind].inject(answersStatusQueries(choose()));
          const outcome = await promote(request(kind, files));
          assert.deepEqual(outcome.failures, []);
          assert.equal(sha256((await served(kind, "file"))!), sha256(files["file"]!));
          proxies[kind].inject(() => undefined);
          const inventory = await takeFileInventory(request(kind, files), {
            signal: new AbortController().signal,
            report: () => {},
          });
          assert.deepEqual(inventory.incomplete, {});
        });
      }

      it("returns 429 with Retry-After: no request before that time", async () => {
        const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, randomBytes(100)]));
        await stage(files, headers);
        const refusal: Fault = { kind: "answer", status: 429, headers: { "retry-after": "1" } };
        let refused = 0;
        proxies[kind].inject((...asked) => {
          const [begun] = seen(proxies[kind], isWrite);
          if (!isWrite(...asked) || performance.now() - begun!.at > 950) return undefined;
          refused++;
          return refusal;
        });
        const outcome = await promote(request(kind, files));
        assert.deepEqual(outcome.failures, []);
        // The first writes may all be on their way by then, and are refused too; none is sent again before the second is over.
        assert.ok(refused > 0 && refused <= 20, `${refused} writes of 20 files`);
      });

      it("denies access: one clear error, no retry, nothing written", async () => {
        await stage(small, headers);
        proxies[kind].inject(breaking(isWrite, [1, 99], { kind: "answer", status: 403, body: forbidden(kind) }));
        const outcome = await promote(request(kind, small));
        assert.equal(outcome.failures.length, 1);
        assert.match(
          outcome.failures[0]!,
          new RegExp(
            `^project kops, file file sha256:\\w+, mirror one: ${kind === "gcs" ? "gs" : "s3"}://prod-${world}/\\S+: HTTP 403 .*not allowed`,
          ),
        );
        // What may not be copied might be sent: that is tried, once.
        assert.equal(seen(proxies[kind], isWrite).length, seen(proxies[kind], isCopy).length === 0 ? 1 : 2);
      });
    });
  }

  it("an inventory is in the mirrors' order, independent of which responds first", async () => {
    const files = { file: randomBytes(50_000) };
    const [gcs, s3] = [request("gcs", files), request("s3", files)];
    const mirrors = [...gcs.mirrors, { ...s3.mirrors[0]!, name: "two" }];
    const storage = { ...gcs.storage, ...s3.storage };
    const late: Fault = { kind: "answer", status: 429, headers: { "retry-after": "1" } };
    proxies.gcs.inject(breaking(() => true, [1, 1], late));
    const { incomplete } = await takeFileInventory(
      { ...gcs, mirrors, storage },
      { signal: new AbortController().signal, report: () => {} },
    );
    assert.deepEqual(Object.keys(incomplete), ["one", "two"]);
  });

  it("a dead mirror is given up, once for all its files", async () => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, randomBytes(100)]));
    await stage(files);
    // Staging and the listing answer, the writes do not.
    proxies.s3.inject(breaking(isWrite, [1, 9_999], { kind: "cut-request", after: 0 }));
    const outcome = await promote(request("s3", files));
    assert.match(outcome.failures[0] ?? "", /^project kops, mirror one: given up with \d+ steps to go: /);
    assert.ok(outcome.failures.length <= 4, `${outcome.failures.length} lines`);
    assert.equal(outcome.incomplete["one"]?.split("\n").length, 31);
    proxies.s3.inject(() => undefined);
    const again = await promote(request("s3", files));
    assert.deepEqual(again.failures, []);
  });

  it("files written concurrently by others are read and found equal, even if larger than memory in total", async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, randomBytes(100)]));
    await stage(files);
    for (const [path, Body] of Object.entries(files)) {
      await stores.s3Client.send(new PutObjectCommand({ Bucket: `prod-${world}`, Key: `binaries/kops/${path}`, Body }));
    }
    proxies.s3.inject(breaking(isList, [1, 1], { kind: "answer", status: 200, body: emptyList }));
    const outcome = await promote(request("s3", files));
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
  });

  it("a mirror with occasional refusals is not given up, only one with failures in a row", async () => {
    const files = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, randomBytes(100)]));
    await stage(files);
    // A store that answers the writes one after the other, each when the one before is counted, and refuses every other.
    const writes: ServerResponse[] = [];
    let answered = 0;
    const answerNext = (): void => {
      if (writes.length < 9 || answered === 9) return;
      const refuses = answered % 2 === 0;
      writes[answered++]!.writeHead(refuses ? 403 : 200, { etag: '"1"' }).end(refuses ? forbidden("s3") : "");
    };
    const store = await serveOnLoopback((incoming, outgoing) => {
      incoming.resume();
      incoming.once("end", () => {
        if (incoming.method !== "PUT") {
          outgoing.end(emptyList);
        } else if (writes.push(outgoing) === 9) answerNext();
      });
    });
    const asked = request("s3", files);
    const s3Endpoint = store.url;
    let counted = 0;
    try {
      const outcome = await promoteFiles({ ...asked, storage: { ...asked.storage, s3Endpoint } }, undefined, {
        signal: new AbortController().signal,
        report: ({ done, failed }) => {
          if (done + failed === counted) return;
          counted = done + failed;
          setImmediate(answerNext);
        },
      });
      assert.equal(outcome.failures.length, 5);
      for (const line of outcome.failures)
        assert.match(line, /^project kops, file f\d sha256:\w+, mirror one: .*not allowed/);
      assert.equal(outcome.summary, "copied 4 (400 bytes) in 1 mirror; 5 failures");
    } finally {
      await store.close();
    }
  });

  describe("staging", () => {
    const large = { file: randomBytes(20 * mebibyte + 11) };
    it("breaks during a download: the download is resumed", async () => {
      await stage(large);
      proxies.gcs.inject(breaking(isDownload, [1, 3], { kind: "cut-answer", after: 5 * mebibyte }));
      const outcome = await promote(request("s3", large));
      assert.deepEqual(outcome.failures, []);
      assert.equal(sha256((await served("s3", "file"))!), sha256(large.file));
      const ranges = seen(proxies.gcs, isDownload).map(({ headers }) => headers.range);
      assert.equal(ranges[0], undefined);
      assert.ok(
        ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? "")),
        String(ranges),
      );
    });

    it("truncates a download: the download is resumed", async () => {
      await stage(large);
      proxies.gcs.inject(breaking(isDownload, [1, 1], { kind: "shorten", to: 5 * mebibyte }));
      assert.deepEqual((await promote(request("s3", large))).failures, []);
      assert.equal(sha256((await served("s3", "file"))!), sha256(large.file));
    });

    for (const [size, headers] of [
      [50_000, sent],
      [50_000, {}],
      [20 * mebibyte, sent],
      [20 * mebibyte, {}],
    ] as const) {
      it(`changes a bit of ${size} bytes on the way${headers === sent ? "" : " of what the store could copy"}: nothing becomes visible`, async () => {
        const files = { file: randomBytes(size) };
        await stage(files, headers);
        proxies.gcs.inject(answersStatusQueries(breaking(isDownload, [1, 99], { kind: "corrupt", at: size / 2 })));
        for (const kind of ["gcs", "s3"] as const) {
          const outcome = await promote(request(kind, files));
          assert.match(outcome.failures.join("\n"), /file has sha256:\w+, which is not what the manifest says/);
          assert.equal(await served(kind, "file"), undefined);
        }
        assert.deepEqual(seen(proxies.gcs, isCopy), []);
      });
    }
  });

  it("the response to the last chunk of a resumable upload is lost: the store reports it complete, and nothing is sent again", async () => {
    const file = randomBytes(20 * mebibyte);
    await stage({ file }, sent);
    const sum = { sha256: sha256(file), crc32c: encodeCrc32c(crc32c(file)) };
    const metadata = { "artifacts-sha256": sum.sha256, "artifacts-crc32c": sum.crc32c };
    const made = { name: "binaries/kops/file", size: `${file.length}`, generation: "1", crc32c: sum.crc32c, metadata };
    let isOver = false;
    proxies.gcs.inject((...asked) => {
      if (!isChunk(...asked)) return undefined;
      // "Check the status of a resumable upload": 200 with the object once all has come.
      if (isOver && asked[2]["content-range"] === `bytes */${file.length}`)
        return { kind: "answer", status: 200, body: JSON.stringify(made) };
      if (isOver) return { kind: "answer", status: 400 };
      isOver = String(asked[2]["content-range"]).includes(`-${file.length - 1}/`);
      return isOver ? { kind: "cut-answer", after: 0 } : undefined;
    });
    assert.deepEqual((await promote(request("gcs", { file }))).failures, []);
    assert.equal(sha256((await served("gcs", "file"))!), sum.sha256);
  });

  it("a resumable upload without progress is retried after a pause", async () => {
    withTruePauses();
    const files = { file: randomBytes(20 * mebibyte) };
    await stage(files, sent);
    const full = chunkBytes(files.file.length);
    const isSecond: Matches = (...asked) =>
      isChunk(...asked) && asked[2]["content-range"]?.startsWith(`bytes ${full}-`) === true;
    const nothingNew: Fault = { kind: "answer", status: 308, headers: { range: `bytes=0-${full - 1}` } };
    proxies.gcs.inject(answersStatusQueries(breaking(isSecond, [1, 2], nothingNew)));
    assert.deepEqual((await promote(request("gcs", files))).failures, []);
    assert.equal(sha256((await served("gcs", "file"))!), sha256(files.file));
    const [first, second, third] = seen(proxies.gcs, isSecond).map(({ at }) => at);
    // At least half of 200 and 500 ms (http/retry-policy.ts), give or take a tick of the timers.
    assert.ok(second! - first! >= 99 && third! - second! >= 249, `${second! - first!} and ${third! - second!} ms`);
  });

  it("writes, reads and removals in GCS name the generation, which the rehearsal's store does not enforce", async () => {
    const files = { small: randomBytes(1_000), large: randomBytes(9 * mebibyte) };
    await stage(files, sent);
    const copied = { copied: randomBytes(1_000) };
    await stage(copied);
    const asked = request("gcs", { ...files, ...copied });
    assert.deepEqual((await promote(asked)).failures, []);
    const begun = seen(proxies.gcs, (method) => method === "POST").map(({ url }) => url);
    assert.equal(begun.length, 3);
    for (const url of begun) assert.match(url, /[?&]ifGenerationMatch=0(&|$)/);
    const staged = await generationsIn(`staging-${world}`);
    const copies = seen(proxies.gcs, isCopy).map(({ url }) => new URL(url, stores.gcs).searchParams);
    assert.deepEqual(
      copies.map((query) => query.get("sourceGeneration")),
      [staged.get("copied")],
    );
    const generations = await generationsIn(`prod-${world}`);
    for (const { url } of seen(proxies.gcs, isDownload)) assert.match(url, /[?&]generation=\d+(&|$)/);

    // Somebody changes the object between our look and our removal.
    const changed: Fault = { kind: "answer", status: 412, body: "{}" };
    proxies.gcs.inject(breaking((method) => method === "DELETE", [1, 1], changed));
    const one = { ...asked, files: asked.files.replace(/^large.*\n/m, "") };
    const outcome = await promoteFiles(one, { request: asked, incomplete: {} }, ourContext());
    assert.match(outcome.failures.join("\n"), /file large, mirror one: .* has changed since it was looked at$/);
    assert.deepEqual(outcome.incomplete, { one: `- large sha256:${sha256(files.large)}\n` });
    const removals = seen(proxies.gcs, (method) => method === "DELETE");
    assert.equal(removals.length, 1, "no repetition");
    const named = new URL(removals[0]!.url, stores.gcs).searchParams.get("ifGenerationMatch");
    assert.equal(named, generations.get("binaries/kops/large"));
  });

  it("a resumable upload that the store lost is restarted", async () => {
    const files = { file: randomBytes(20 * mebibyte) };
    await stage(files, sent);
    proxies.gcs.inject(answersStatusQueries(breaking(isChunk, [2, 2], { kind: "answer", status: 410 })));
    const outcome = await promote(request("gcs", files));
    assert.deepEqual(outcome.failures, []);
    assert.equal(sha256((await served("gcs", "file"))!), sha256(files.file));
  });

  it("a Google token that expires during a large upload is renewed, and the upload continues", async () => {
    const content = randomBytes(20 * mebibyte);
    let token = 0;
    let valid = 0;
    const client = connectGcs(`http://${proxies.gcs.host}`, async (fresh) => `Bearer ${fresh ? ++token : token}`);
    let chunks = 0;
    proxies.gcs.inject(
      answersStatusQueries((...request) => {
        // The session's URL is itself a secret, but the service asks for the token all the same.
        if (isChunk(...request) && ++chunks === 2) valid = 1;
        const isOld = request[2].authorization !== `Bearer ${valid}`;
        return isOld ? { kind: "answer", status: 401 } : undefined;
      }),
    );
    try {
      const { signal } = new AbortController();
      const sum = { sha256: sha256(content), crc32c: encodeCrc32c(crc32c(content)) };
      const headers = { contentType: "application/octet-stream", cacheControl: "no-store" };
      const bucket = client.bucket(`prod-${world}`);
      const upload = await bucket.create("binaries/kops/file", { size: content.length, ...sum }, headers, signal);
      const full = chunkBytes(content.length);
      for (let offset = 0; offset < content.length; offset += full) {
        const bytes = content.subarray(offset, offset + full);
        const chunk = { bytes, offset, crc32c: encodeCrc32c(crc32c(bytes)) };
        await (offset + full < content.length ? upload.write(chunk) : upload.finish(chunk));
      }
    } finally {
      await client.close();
    }
    assert.equal(token, 1, "renewed once");
    assert.equal(sha256((await served("gcs", "file"))!), sha256(content));
  });

  it("Google's rate limit with 403 is retried", async () => {
    const files = { file: randomBytes(1_000) };
    await stage(files);
    const body = JSON.stringify({ error: { message: "slow down", errors: [{ reason: "userRateLimitExceeded" }] } });
    proxies.gcs.inject(breaking(isWrite, [1, 2], { kind: "answer", status: 403, body }));
    assert.deepEqual((await promote(request("gcs", files))).failures, []);
    assert.equal(sha256((await served("gcs", "file"))!), sha256(files.file));
  });

  it("an unfinished multipart upload of an earlier run is resumed: only missing parts are sent", async () => {
    const files = { file: randomBytes(30 * mebibyte) };
    await stage(files);
    const stop = new AbortController();
    let parts = 0;
    proxies.s3.inject((...one) => {
      if (!isPart(...one) || ++parts < 3) return undefined;
      stop.abort(new Error("stopped")); // as a kill: no word to the store
      return { kind: "cut-request", after: 100 };
    });
    const outcome = await promoteFiles(request("s3", files), undefined, { signal: stop.signal, report: () => {} });
    assert.match(outcome.failures.join("\n"), /stopped with 1 step to go; the next run resumes/);
    assert.equal(await served("s3", "file"), undefined);
    proxies.s3.inject(() => undefined);
    proxies.s3.seen.length = 0;
    assert.deepEqual((await promote(request("s3", files))).failures, []);
    assert.deepEqual(seen(proxies.s3, isPart).length, 2);
    assert.equal(sha256((await served("s3", "file"))!), sha256(files.file));
  });

  for (const [what, differs] of [
    ["from its first byte on", 0],
    ["after a part that is the same", 9 * mebibyte],
  ] as const) {
    it(`an upload that was left behind of other content, ${what}, is not gone on with: what it noted of that content would stay`, async () => {
      const before = randomBytes(30 * mebibyte);
      await leaveUpload(before);
      const file = Buffer.from(before);
      file[differs]! ^= 1;
      await stage({ file });
      assert.deepEqual((await promote(request("s3", { file }))).failures, []);
      const object = { Bucket: `prod-${world}`, Key: "binaries/kops/file" };
      const { Metadata } = await stores.s3Client.send(new HeadObjectCommand(object));
      assert.equal(Metadata?.["artifacts-sha256"], sha256(file));
      assert.equal(sha256((await served("s3", "file"))!), sha256(file));
      assert.equal(await openUploads(), 0);
    });
  }

  it("a multipart upload whose key is written meanwhile is aborted", async () => {
    const files = { file: randomBytes(20 * mebibyte) };
    await stage(files);
    const object = { Bucket: `prod-${world}`, Key: "binaries/kops/file" };
    await stores.s3Client.send(new PutObjectCommand({ ...object, Body: "something else" }));
    proxies.s3.inject(breaking(isList, [1, 1], { kind: "answer", status: 200, body: emptyList }));
    const outcome = await promote(request("s3", files));
    assert.match(outcome.failures.join("\n"), /production holds other content there/);
    assert.equal(await openUploads(), 0);
  });

  it("a removal that conflicts with another request is retried", async () => {
    const files = { file: randomBytes(100) };
    await stage(files);
    const asked = request("s3", files);
    assert.deepEqual((await promote(asked)).failures, []);
    const body = "<Error><Code>ConditionalRequestConflict</Code><Message>try again</Message></Error>";
    proxies.s3.inject(breaking((method) => method === "DELETE", [1, 1], { kind: "answer", status: 409, body }));
    const outcome = await promoteFiles({ ...asked, files: "" }, { request: asked, incomplete: {} }, ourContext());
    assert.deepEqual(outcome.failures, []);
    assert.equal(await served("s3", "file"), undefined);
  });

  it("a lost response to a multipart upload's completion is no failure: the file is there", async () => {
    const files = { file: randomBytes(10 * mebibyte) };
    await stage(files);
    proxies.s3.inject(breaking(isCompletion, [1, 1], { kind: "cut-answer", after: 0 }));
    assert.deepEqual((await promote(request("s3", files))).failures, []);
    assert.equal(sha256((await served("s3", "file"))!), sha256(files.file));
  });

  describe("a store that refuses an object before reading it, and closes the connection without a visible response", () => {
    const content = Buffer.from("content".repeat(1_000));
    const headers = { contentType: "application/octet-stream", cacheControl: "public" };
    const { signal } = new AbortController();
    /** Every write that would not overwrite breaks in its middle. */
    const breaksConditional: Choose = (method, _url, sent) =>
      method === "PUT" && sent["if-none-match"] === "*" ? { kind: "cut-request", after: 100 } : undefined;

    async function write(bucket: Bucket): Promise<void> {
      const crc = encodeCrc32c(crc32c(content));
      const upload = await bucket.create(
        "key",
        { size: content.length, sha256: sha256(content), crc32c: crc },
        headers,
        signal,
      );
      await upload.finish({ bytes: content, offset: 0, crc32c: crc });
    }

    it("an existing object is found and kept", async () => {
      const connection = connectS3({ endpoint: `http://${proxies.s3.host}`, region: "us-east-1", pathStyle: true });
      const bucket = connection.bucket(`prod-${world}`);
      await write(bucket);
      const before = await bucket.stat("key", signal);
      proxies.s3.inject(breaksConditional);
      await assert.rejects(write(bucket), ObjectExists);
      assert.deepEqual(await bucket.stat("key", signal), before);
      assert.equal(seen(proxies.s3, isWrite).length, 2, "it is not tried again");
      await connection.close();
    });

    it("an object removed from a bucket with versioning is restored", async () => {
      await stores.makeBucket("s3", `versioned-${world}`, { versioned: true });
      const connection = connectS3({ endpoint: `http://${proxies.s3.host}`, region: "us-east-1", pathStyle: true });
      const bucket = connection.bucket(`versioned-${world}`);
      await write(bucket);
      await bucket.remove((await bucket.stat("key", signal))!, signal);
      proxies.s3.inject(breaksConditional);
      await write(bucket);
      assert.equal((await bucket.stat("key", signal))?.size, content.length);
      await connection.close();
    });

    it("a missing object is written again", async () => {
      const connection = connectS3({ endpoint: `http://${proxies.s3.host}`, region: "us-east-1", pathStyle: true });
      const bucket = connection.bucket(`prod-${world}`);
      proxies.s3.inject(breaking(isWrite, [1, 2], { kind: "cut-request", after: 100 }));
      await write(bucket);
      assert.equal(seen(proxies.s3, isWrite).length, 3);
      await connection.close();
    });
  });
});

type Matches = (...request: Parameters<Choose>) => boolean;

/**
 * fake-gcs-server takes a query of an upload's status for its end and commits what it has (facts): the proxy answers in its place,
 * as the real service does (https://cloud.google.com/storage/docs/performing-resumable-uploads#status-check), that nothing has come
 * beyond the chunks that were answered.
 */
function answersStatusQueries(choose: Choose = () => undefined): Choose {
  const arrived = new Map<string, number>();
  return (method, url, headers) => {
    const range = /^bytes (?:(\d+)-(\d+)|\*)\/\d+$/.exec(String(headers["content-range"] ?? ""));
    if (method !== "PUT" || range === null) return choose(method, url, headers);
    if (range[1] === undefined) {
      const count = arrived.get(url) ?? 0;
      return { kind: "answer", status: 308, headers: count === 0 ? {} : { range: `bytes=0-${count - 1}` } };
    }
    const fault = choose(method, url, headers);
    if (fault === undefined) arrived.set(url, Number(range[2]) + 1);
    return fault;
  };
}

/** Breaks the matching requests number `from` to `to`, the first being 1. */
function breaking(matches: Matches, [from, to]: readonly [number, number], fault: Fault): Choose {
  let count = 0;
  return (...request) => {
    if (!matches(...request)) return undefined;
    count++;
    return count >= from && count <= to ? fault : undefined;
  };
}

/** The requests that the proxy has seen and that match. */
function seen(proxy: FaultyProxy, matches: Matches): FaultyProxy["seen"] {
  return proxy.seen.filter(({ method, url, headers }) => matches(method, url, headers));
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function request(
  kind: "gcs" | "s3",
  files: Record<string, Uint8Array>,
  more: Partial<FilesRequest> = {},
): FilesRequest {
  const mirror: FileMirror = { name: "one", kind, bucket: `prod-${world}`, region: "us-east-1" };
  return {
    project: "kops",
    files: Object.entries(files)
      .map(([path, content]) => `${path} sha256:${sha256(content)}\n`)
      .sort()
      .join(""),
    prefix: "kops",
    staging: `staging-${world}`,
    mirrors: [mirror],
    removalShare: 1,
    storage: {
      gcsEndpoint: `http://${proxies.gcs.host}/storage/v1/`,
      s3Endpoint: `http://${proxies.s3.host}`,
      s3UsePathStyle: true,
    },
    ...more,
  };
}

async function stage(files: Record<string, Uint8Array>, headers: Record<string, string> = {}): Promise<void> {
  for (const [path, content] of Object.entries(files)) await stores.stage(`staging-${world}`, path, content, headers);
}

function ourContext(): Context {
  return { signal: new AbortController().signal, report: () => {} };
}

async function promote(asked: FilesRequest): Promise<Outcome> {
  return await promoteFiles(asked, undefined, ourContext());
}

/** Each object's generation in a bucket of GCS, asked past the proxy. */
async function generationsIn(bucket: string): Promise<ReadonlyMap<string, string>> {
  const listed = await fetch(`${stores.gcs}/storage/v1/b/${bucket}/o`);
  const { items = [] } = (await listed.json()) as { items?: { name: string; generation: string }[] };
  return new Map(items.map(({ name, generation }) => [name, generation]));
}

/** What the mirror serves, asked past the proxy. */
async function served(kind: "gcs" | "s3", path: string): Promise<Buffer | undefined> {
  const Key = `binaries/kops/${path}`;
  if (kind === "gcs") return (await stores.served(`prod-${world}`, Key))?.bytes;
  try {
    const { Body } = await stores.s3Client.send(new GetObjectCommand({ Bucket: `prod-${world}`, Key }));
    return Buffer.from(await Body!.transformToByteArray());
  } catch (error) {
    if ((error as Error).name === "NoSuchKey") return undefined;
    throw error;
  }
}

/** Uploads in the S3 mirror that are neither complete nor given up. */
async function openUploads(): Promise<number> {
  const list = await stores.s3Client.send(new ListMultipartUploadsCommand({ Bucket: `prod-${world}` }));
  return (list.Uploads ?? []).length;
}

/** Promotes one file as a run that is killed after its second part: the upload is left behind. */
async function leaveUpload(file: Uint8Array): Promise<void> {
  await stage({ file });
  const stop = new AbortController();
  let parts = 0;
  proxies.s3.inject((...one) => {
    if (!isPart(...one) || ++parts < 3) return undefined;
    stop.abort(new Error("stopped"));
    return { kind: "cut-request", after: 100 };
  });
  await promoteFiles(request("s3", { file }), undefined, { signal: stop.signal, report: () => {} });
  proxies.s3.inject(() => undefined);
  assert.equal(await openUploads(), 1);
}

function forbidden(kind: "gcs" | "s3"): string {
  return kind === "gcs"
    ? JSON.stringify({ error: { code: 403, message: "robot is not allowed to create objects" } })
    : '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>robot is not allowed to create objects</Message></Error>';
}
