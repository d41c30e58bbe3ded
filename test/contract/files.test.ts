/** Promotion of files between real stores: two mirrors in GCS, one in S3. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { after, before, beforeEach, describe, it } from "mocha";
import {
  filePromotion,
  previewFiles,
  promoteFiles,
  takeFileInventory,
} from "../../components/promotion/files/files.ts";
import { traceTo } from "../../components/promotion/http/trace.ts";
import { RemovalRefused } from "../../components/promotion/run/removal-guard.ts";
import type { Context, FilesRequest, Outcome, Previous, Progress } from "../../components/promotion/run/request.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";

let stores: ObjectStores;
let world = 0;
let names: { staging: string; us: string; eu: string; aws: string };

const context = (report: (progress: Progress) => void = () => {}): Context => ({
  signal: new AbortController().signal,
  report,
});

describe("promotion of files between real stores", () => {
  before(async () => {
    stores = await startObjectStores();
  });
  after(() => stores.stop());

  /** Each test has buckets of its own. */
  beforeEach(async () => {
    world++;
    names = { staging: `staging-${world}`, us: `us-${world}`, eu: `eu-${world}`, aws: `aws-${world}` };
    for (const name of [names.staging, names.us, names.eu]) await stores.makeBucket("gcs", name, { versioned: true });
    await stores.makeBucket("s3", names.aws, { versioned: true });
  });

  it("copies files to every mirror, with the headers of release files", async () => {
    const files = {
      "1.0/linux/kops": randomBytes(100),
      "1.0/linux/kops.sha256": "sum",
      "1.0/images.tar.gz": "x",
      empty: "",
    };
    await stage(files);
    const outcome = await promoted(wanted(files));
    assert.equal(outcome.summary, "copied 12 (312 bytes) in 3 mirrors");
    for (const [path, content] of Object.entries(files)) {
      assert.deepEqual(await served(path), Array(3).fill(sha256(content)), path);
    }
    const { headers } = (await stores.served(names.us, "binaries/kops/1.0/images.tar.gz"))!;
    assert.equal(headers.get("content-type"), "application/gzip");
    assert.equal(headers.get("cache-control"), "public, max-age=86400, immutable");
    const head = await stores.s3Client.send(
      new HeadObjectCommand({ Bucket: names.aws, Key: "binaries/kops/1.0/linux/kops.sha256", ChecksumMode: "ENABLED" }),
    );
    assert.equal(head.ContentType, "text/plain; charset=utf-8");
    assert.equal(head.CacheControl, "public, max-age=86400, immutable");
    assert.equal(head.ChecksumSHA256, Buffer.from(sha256("sum"), "hex").toString("base64"));
  });

  it("a large file streams in chunks to all mirrors, and an inventory needs no download", async () => {
    const files = { big: randomBytes(30 * 1024 * 1024 + 7) };
    await stage(files);
    await promoted(wanted(files));
    assert.deepEqual(await served("big"), Array(3).fill(sha256(files.big)));
    assert.deepEqual(await takeFileInventory(wanted(files), context()), {
      text: lines(files),
      incomplete: {},
      failures: [],
    });
  });

  it("a checksum that contradicts its file is an error of the preview, before it is public", async () => {
    const files = {
      tool: "program",
      "tool.sha256": `${sha256("other")}  tool\n`,
      SHA256SUMS: `${sha256("program")}  tool\n`,
    };
    await stage(files);
    const { errors } = await previewFiles(wanted(files), undefined, context());
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(
      errors[0]!,
      /^project kops, file tool\.sha256 sha256:\w+: says sha256 \w+ of tool, which has \w+: stage both again$/,
    );
  });

  it("trust 6: a staged file is read in the preview, whatever its metadata says of its content", async () => {
    await stage({ tool: "other content" });
    // As whoever may push there can: the digest of the manifest, with the checksum that the store has of the other content.
    const object = `${stores.gcs}/storage/v1/b/${names.staging}/o/tool`;
    const { crc32c } = (await (await fetch(object)).json()) as { crc32c: string };
    const metadata = { "artifacts-sha256": sha256("program"), "artifacts-crc32c": crc32c };
    const patched = await fetch(object, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ metadata }),
    });
    assert.equal(patched.status, 200);
    const { errors } = await previewFiles(wanted({ tool: "program" }), undefined, context());
    assert.deepEqual(errors, [
      `project kops, file tool sha256:${sha256("program")}: gs://${names.staging}/tool has sha256:${sha256("other content")}, which is not what the manifest says`,
    ]);
  });

  it("an addition sends requests only for new files; no change sends none", async () => {
    const first = { a: "a", b: "b" };
    await stage({ ...first, c: "c" });
    await promoted(wanted(first));
    // With all the buckets gone, any request would fail.
    const nowhere = { gcsEndpoint: "http://127.0.0.1:1/", s3Endpoint: "http://127.0.0.1:1", s3UsePathStyle: true };
    const nothing = await promoteFiles(wanted(first, { storage: nowhere }), previous(wanted(first)), context());
    assert.deepEqual(nothing.failures, []);
    const outcome = await promoted(wanted({ ...first, c: "c" }), previous(wanted(first)));
    assert.equal(outcome.summary, "copied 3 (3 bytes) in 3 mirrors");
  });

  it("adopts files that are in production already, and keeps unmanaged ones", async () => {
    const files = { a: "a" };
    await stage(files);
    await stores.stage(names.eu, "binaries/kops/a", "a");
    await stores.stage(names.eu, "binaries/kops/unmanaged", "x");
    const preview = await previewFiles(wanted(files), undefined, context());
    assert.deepEqual(preview.errors, []);
    assert.match(preview.warnings.join("\n"), /mirror eu: 1 unmanaged file left in place/);
    const outcome = await promoted(wanted(files));
    assert.equal(outcome.summary, "copied 2 (2 bytes) in 2 mirrors");
    assert.equal((await stores.served(names.eu, "binaries/kops/unmanaged"))?.bytes.toString(), "x");
  });

  describe("refused", () => {
    it("54: a file that exists nowhere, in preview and run; the others are promoted", async () => {
      await stage({ a: "a" });
      const request = wanted({ a: "a", gone: "x" });
      const preview = await previewFiles(request, undefined, context());
      const line = `project kops, file gone sha256:${sha256("x")}`;
      const cause = `neither gs://${names.staging}/gone nor any mirror has it`;
      assert.deepEqual(preview.errors, [`${line}: ${cause}; staging has a there`]);
      const outcome = await promoteFiles(request, undefined, context());
      assert.deepEqual(outcome.failures, [`${line}, mirror us, eu, aws: ${cause}`]);
      assert.deepEqual(Object.keys(outcome.incomplete), ["us", "eu", "aws"]);
      assert.equal(outcome.incomplete["us"], `+ gone sha256:${sha256("x")}\n`);
      assert.deepEqual(await served("a"), Array(3).fill(sha256("a")));
      // The next run asks about no more than what is left.
      await stage({ gone: "x" });
      const next = await promoted(request, previous(request, outcome));
      assert.equal(next.summary, "copied 3 (3 bytes) in 3 mirrors");
    });

    for (const size of [10, 20 * 1024 * 1024]) {
      it(`55: wrong content in staging (${size} bytes): nothing is written anywhere`, async () => {
        const staged = randomBytes(size);
        await stage({ a: staged });
        const request = wanted({ a: "what the manifest says" });
        const preview = await previewFiles(request, undefined, context());
        assert.match(
          preview.errors.join("\n"),
          new RegExp(`a has sha256:${sha256(staged)}, which is not what the manifest`),
        );
        const outcome = await promoteFiles(request, undefined, context());
        assert.match(
          outcome.failures.join("\n"),
          new RegExp(`a has sha256:${sha256(staged)}, which is not what the manifest`),
        );
        assert.deepEqual(await served("a"), [undefined, undefined, undefined]);
      });
    }

    it("57: different content in production is not overwritten", async () => {
      await stage({ a: "a" });
      await stores.stage(names.eu, "binaries/kops/a", "already released");
      const outcome = await promoteFiles(wanted({ a: "a" }), undefined, context());
      assert.equal(outcome.failures.length, 1);
      assert.match(
        outcome.failures[0]!,
        /^project kops, file a sha256:.*, mirror eu: production holds other content there/,
      );
      assert.deepEqual(await served("a"), [sha256("a"), sha256("already released"), sha256("a")]);
      const again = await promoteFiles(wanted({ a: "a" }), previous(wanted({ a: "a" }), outcome), context());
      assert.deepEqual(again.failures, outcome.failures);
    });

    it("a manifest that changes a released file's digest", async () => {
      await stage({ a: "a" });
      await promoted(wanted({ a: "a" }));
      await stage({ a: "b" });
      const preview = await previewFiles(wanted({ a: "b" }), previous(wanted({ a: "a" })), context());
      assert.match(preview.errors.join("\n"), /us, eu, aws: production holds other content .* never changes/);
      const outcome = await promoteFiles(wanted({ a: "b" }), previous(wanted({ a: "a" })), context());
      assert.equal(outcome.failures.length, 1);
      assert.deepEqual(await served("a"), Array(3).fill(sha256("a")));
    });

    it("48, 62: removing more than the project's share, or all, unless confirmed", async () => {
      const files = { a: "a", b: "b", c: "c" };
      await stage(files);
      await promoted(wanted(files));
      await assert.rejects(promoteFiles(wanted({ a: "a" }), previous(wanted(files)), context()), RemovalRefused);
      await assert.rejects(previewFiles(wanted({ a: "a" }), previous(wanted(files)), context()), RemovalRefused);
      await assert.rejects(filePromotion.remove(previous(wanted(files)), context()), RemovalRefused);
      assert.deepEqual(await served("b"), Array(3).fill(sha256("b")));
      const outcome = await filePromotion.remove(previous(wanted(files, { removalShare: 1 })), context());
      assert.equal(outcome.summary, "removed 9 in 3 mirrors");
      for (const path of Object.keys(files)) assert.deepEqual(await served(path), [undefined, undefined, undefined]);
    });

    it("removing another project's object", async () => {
      await stage({ a: "a" });
      await promoted(wanted({ a: "a" }));
      const other = { ...wanted({}, { removalShare: 1 }), project: "other" };
      const outcome = await promoteFiles(other, previous({ ...other, files: lines({ a: "a" }) }), context());
      assert.match(
        outcome.failures.join("\n"),
        /project other, file a, mirror us, eu, aws: the object belongs to project kops/,
      );
      assert.deepEqual(await served("a"), Array(3).fill(sha256("a")));
    });

    it("invalid lines, all at once", async () => {
      const request = { ...wanted({}), files: "a sha256:123\nb\n" };
      await assert.rejects(
        promoteFiles(request, undefined, context()),
        /"a sha256:123" is not a line[\s\S]*"b" is not/,
      );
    });
  });

  it("a removed file is deleted from every mirror, and recoverable from its versions", async () => {
    const files = { a: "a", b: "b" };
    await stage(files);
    await promoted(wanted(files));
    const preview = await previewFiles(wanted({ a: "a" }), previous(wanted(files)), context());
    assert.deepEqual(preview.lines, ["remove b from us, eu, aws"]);
    const outcome = await promoted(wanted({ a: "a" }), previous(wanted(files)));
    assert.equal(outcome.summary, "removed 3 in 3 mirrors");
    assert.deepEqual(await served("b"), [undefined, undefined, undefined]);
    assert.deepEqual(await served("a"), Array(3).fill(sha256("a")));
    const { Versions } = await stores.s3Client.send(
      new ListObjectVersionsCommand({ Bucket: names.aws, Prefix: "binaries/kops/b" }),
    );
    assert.equal(Versions?.length, 1);
    // 49: the removal is reverted, with staging expired: from nowhere, unless a mirror still has it.
    await promoted(wanted(files), previous(wanted({ a: "a" })));
    assert.deepEqual(await served("b"), Array(3).fill(sha256("b")));
  });

  it("a preview warns about a bucket without versioning", async () => {
    await stores.makeBucket("s3", `forgetful-${world}`);
    const files = { a: "a", b: "b" };
    await stage(files);
    const mirrors = [
      { name: "forgetful", kind: "s3", bucket: `forgetful-${world}`, region: "us-east-1" } as const,
      ...wanted(files).mirrors,
    ];
    await promoted(wanted(files, { mirrors }));
    const preview = await previewFiles(
      wanted({ a: "a" }, { mirrors }),
      previous(wanted(files, { mirrors })),
      context(),
    );
    assert.deepEqual(preview.warnings, [
      "project kops, mirror forgetful: its bucket keeps no earlier versions, so what is removed or replaced there cannot be undone",
    ]);
  });

  it("a file is sent once to a store that staging is not in, and copied inside each to the other mirrors, whose stores prove the copies", async () => {
    const files = { small: "small", big: randomBytes(9 * 1024 * 1024) };
    await stage(files);
    const aws2 = `aws2-${world}`;
    await stores.makeBucket("s3", aws2, { versioned: true });
    const { mirrors } = wanted(files);
    const more = [...mirrors, { name: "aws2", kind: "s3" as const, bucket: aws2, region: "us-east-1" }];
    const { sent, requests } = await traced(() => promoted(wanted(files, { mirrors: more })));
    assert.ok(sent > files.big.length && sent < 1.1 * files.big.length, `${sent} bytes sent to four mirrors`);
    assert.equal(requests.filter((line) => line.includes("/rewriteTo/")).length, 4, requests.join("\n"));
    const reads = requests.filter((line) => line.includes("alt=media")).length;
    assert.equal(reads, 2, "each file is read once");
    assert.deepEqual(await served("big"), Array(3).fill(sha256(files.big)));
    const copy = { Bucket: aws2, Key: "binaries/kops/big", ChecksumMode: "ENABLED" } as const;
    const [first, second] = await Promise.all(
      [names.aws, aws2].map((Bucket) => stores.s3Client.send(new HeadObjectCommand({ ...copy, Bucket }))),
    );
    for (const field of ["ChecksumCRC32C", "CacheControl", "ContentType", "Metadata", "ContentLength"] as const) {
      assert.deepEqual(second![field], first![field], field);
    }
    // What no store proves would have to be read.
    const again = await traced(() => takeFileInventory(wanted(files, { mirrors: more }), context()));
    assert.deepEqual(again.result, { text: lines(files), incomplete: {}, failures: [] });
    assert.ok(again.received < 100_000, `${again.received} bytes read`);
    // The ETag in S3 of what was sent at once is the MD5 that GCS lists; that of what was sent in parts was recorded in GCS.
    assert.deepEqual(
      again.requests.filter((line) => line.includes("trace: HEAD ")),
      [],
    );
    // A mirror that is lost is filled inside its store, without a source that sends.
    await stores.s3Client.send(new DeleteObjectCommand({ Bucket: aws2, Key: "binaries/kops/big" }));
    const lost = { incomplete: { aws2: `+ big sha256:${sha256(files.big)}\n` } };
    const request = wanted(files, { mirrors: more, staging: "" });
    const fill = await traced(() => promoted(request, previous(request, lost)));
    assert.ok(fill.sent + fill.received < 100_000, fill.requests.join("\n"));
  });

  it("49, 42: a new mirror is filled from the others when staging has expired", async () => {
    const files = { a: "a", big: randomBytes(9 * 1024 * 1024) };
    await stage(files);
    const two = wanted(files, { mirrors: wanted(files).mirrors.slice(0, 2) });
    await promoted(two);
    const outcome = await promoted(wanted(files, { staging: "" }), previous(two));
    assert.match(outcome.summary, /^copied 2 \(9.0 MiB\)/);
    assert.deepEqual(await served("big"), Array(3).fill(sha256(files.big)));
    // And the other way round: a region of GCS that was lost, from the S3 bucket alone.
    const lost = wanted(files, { staging: "", mirrors: wanted(files).mirrors.slice(1) });
    const fresh = `fresh-${world}`;
    await stores.makeBucket("gcs", fresh);
    const rebuilt = {
      ...lost,
      mirrors: [{ name: "new", kind: "gcs" as const, bucket: fresh, region: "r" }, lost.mirrors[1]!],
    };
    await promoted(rebuilt, previous({ ...lost, mirrors: [lost.mirrors[1]!] }));
    assert.equal(sha256((await stores.served(fresh, "binaries/kops/big"))!.bytes), sha256(files.big));
  });

  it("drift: missing, extra and different content is found by an inventory and repaired by the next run", async () => {
    const files = { a: "a", b: "b", c: "c", d: "d" };
    await stage(files);
    await promoted(wanted(files));
    await stores.s3Client.send(new DeleteObjectCommand({ Bucket: names.aws, Key: "binaries/kops/a" }));
    await stores.s3Client.send(new PutObjectCommand({ Bucket: names.aws, Key: "binaries/kops/extra", Body: "extra" }));
    await stores.stage(names.eu, "binaries/kops/b", "tampered");
    const inventory = await takeFileInventory(wanted(files), context());
    assert.deepEqual(inventory.failures, []);
    assert.deepEqual(inventory.incomplete, {
      aws: `+ a sha256:${sha256("a")}\n- extra sha256:${sha256("extra")}\n`,
      eu: `+ b sha256:${sha256("b")}\n- b sha256:${sha256("tampered")}\n`,
    });
    assert.equal(
      inventory.text,
      `b sha256:${sha256("tampered")}\nc sha256:${sha256("c")}\nd sha256:${sha256("d")}\nextra sha256:${sha256("extra")}\n`,
    );
    const preview = await previewFiles(wanted(files), previous(wanted(files), inventory), context());
    assert.deepEqual(preview.errors, []);
    assert.deepEqual(preview.lines, [
      `copy a sha256:${sha256("a")} (1 byte) from gs://${names.us} to aws`,
      `copy b sha256:${sha256("b")} (1 byte) from gs://${names.us} to eu`,
      "remove b from eu (other content, to be restored)",
      "remove extra from aws",
    ]);
    await promoted(wanted(files), previous(wanted(files), inventory));
    assert.deepEqual(await takeFileInventory(wanted(files), context()), {
      text: lines(files),
      incomplete: {},
      failures: [],
    });
  });

  it("a mirror without its bucket is empty, and filled from the others when the bucket exists again", async () => {
    const files = { a: "a", b: "b" };
    await stage(files);
    await promoted(wanted(files));
    const request = wanted(files, { staging: "" });
    const lost = {
      ...request,
      mirrors: request.mirrors.map((mirror) =>
        mirror.name === "us" ? mirror : { ...mirror, bucket: `lost-${world}` },
      ),
    };
    const inventory = await takeFileInventory(lost, context());
    const all = lines(files).replaceAll(/^/gm, "+ ").replace(/\+ $/, "");
    assert.deepEqual(inventory, { text: "", incomplete: { eu: all, aws: all }, failures: [] });
    await stores.makeBucket("gcs", `lost-${world}`);
    await stores.makeBucket("s3", `lost-${world}`);
    assert.equal((await promoted(lost, previous(lost, inventory))).summary, "copied 4 (4 bytes) in 2 mirrors");
  });

  it("63: objects by other writers, multipart or without our metadata, are compared by content", async () => {
    const content = randomBytes(6 * 1024 * 1024);
    const object = { Bucket: names.aws, Key: "binaries/kops/a" };
    const { UploadId } = await stores.s3Client.send(new CreateMultipartUploadCommand(object));
    const parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const PartNumber of [1, 2]) {
      const part = new UploadPartCommand({ ...object, UploadId, PartNumber, Body: content });
      parts.push({ PartNumber, ETag: (await stores.s3Client.send(part)).ETag });
    }
    const MultipartUpload = { Parts: parts };
    await stores.s3Client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }));
    const files = { a: Buffer.concat([content, content]) };
    const only = wanted(files, { staging: "", mirrors: wanted(files).mirrors.slice(2) });
    assert.equal((await promoted(only)).summary, "nothing to do");
    assert.deepEqual((await takeFileInventory(only, context())).incomplete, {});
  });

  it("66: an object name with control characters is printed escaped, and does not stop the run", async () => {
    await stage({ "1.0/kops": "program" });
    const request = wanted({ "1.0/kops": "program" });
    assert.deepEqual((await promoteFiles(request, undefined, context())).failures, []);
    const put = { Bucket: names.aws, Body: "x" };
    await stores.s3Client.send(new PutObjectCommand({ ...put, Key: "binaries/kops/a\n::error::b" }));
    await stores.s3Client.send(new PutObjectCommand({ ...put, Key: "binaries/kops/c\u009b31md" })); // C1's CSI, which terminals obey
    await stores.s3Client.send(new PutObjectCommand({ ...put, Key: "binaries/kops/extra" }));
    const inventory = await takeFileInventory(request, context());
    assert.deepEqual(inventory.incomplete, { aws: `- extra sha256:${sha256("x")}\n` });
    assert.deepEqual(inventory.failures, [
      'project kops, mirror aws: has a file whose name is not one line of text, "a : :error: :b": remove it by hand',
      'project kops, mirror aws: has a file whose name is not one line of text, "c 31md": remove it by hand',
    ]);
  });

  it("a folder placeholder object, as consoles create, is not a file: the next run can read the record", async () => {
    const files = { "1.0/kops": "program" };
    await stage(files);
    await promoted(wanted(files));
    await stores.stage(names.eu, "binaries/kops/", "");
    await stores.s3Client.send(new PutObjectCommand({ Bucket: names.aws, Key: "binaries/kops/" }));
    const inventory = await takeFileInventory(wanted(files), context());
    assert.deepEqual(inventory, { text: lines(files), incomplete: {}, failures: [] });
    assert.deepEqual((await previewFiles(wanted(files), undefined, context())).warnings, []);
    assert.equal((await promoted(wanted(files), previous(wanted(files), inventory))).summary, "nothing to do");
  });

  it("65: 1,001 files in every mirror", async () => {
    const files = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`many/${i}`, `content ${i}`]));
    const entries = Object.entries(files);
    for (let at = 0; at < entries.length; at += 50) {
      await Promise.all(
        entries.slice(at, at + 50).map(([path, content]) => stores.stage(names.staging, path, content)),
      );
    }
    const request = wanted(files);
    let last: Progress | undefined;
    const outcome = await promoteFiles(
      request,
      undefined,
      context((progress) => (last = progress)),
    );
    assert.deepEqual(outcome.failures, []);
    assert.equal(last?.done, 3_003);
    assert.equal(last?.total, 3_003);
    const second = await promoted(request);
    assert.equal(second.summary, "nothing to do");
    assert.deepEqual((await takeFileInventory(request, context())).incomplete, {});
  });

  it("a bucket that does not exist fails that mirror only", async () => {
    await stage({ a: "a" });
    const request = wanted({ a: "a" });
    const mirrors = request.mirrors.map((mirror) =>
      mirror.name === "eu" ? { ...mirror, bucket: "no-such-bucket" } : mirror,
    );
    const preview = await previewFiles({ ...request, mirrors }, undefined, context());
    assert.deepEqual(preview.errors, []); // in a preview, the program may be about to make it
    const outcome = await promoteFiles({ ...request, mirrors }, undefined, context());
    assert.deepEqual(outcome.failures, [
      "project kops, mirror eu: given up with 1 step to go: gs://no-such-bucket does not exist",
    ]);
    assert.deepEqual(outcome.incomplete, { eu: `+ a sha256:${sha256("a")}\n` });
    assert.deepEqual(await served("a"), [sha256("a"), undefined, sha256("a")]);
  });

  it("a stopped run reports it and records its progress, and the next run continues", async () => {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, randomBytes(200_000)]));
    await stage(files);
    const stop = new AbortController();
    const outcome = await promoteFiles(wanted(files), undefined, {
      signal: stop.signal,
      report: ({ done }) => {
        if (done >= 5) stop.abort(new Error("stopped"));
      },
    });
    assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
    assert.match(outcome.failures[0]!, /^project kops: stopped with [0-9]+ steps to go; the next run resumes$/);
    const left = Object.values(outcome.incomplete).join("").split("\n").length - 1;
    assert.ok(left > 0 && left < 180, `${left} left`);
    const next = await promoted(wanted(files), previous(wanted(files), outcome));
    assert.match(next.summary, /copied/);
    assert.deepEqual((await takeFileInventory(wanted(files), context())).incomplete, {});
  });
});

/** What work requests of the stores. */
async function traced<T>(
  work: () => Promise<T>,
): Promise<{ result: T; requests: readonly string[]; sent: number; received: number }> {
  const requests: string[] = [];
  traceTo((line) => requests.push(line));
  try {
    const result = await work();
    const sum = (of: "sent" | "received"): number =>
      requests.reduce((all, line) => all + Number(new RegExp(` ${of}=(\\d+)`).exec(line)?.[1] ?? 0), 0);
    return { result, requests, sent: sum("sent"), received: sum("received") };
  } finally {
    traceTo(undefined);
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A request for these files, by path. */
function wanted(files: Record<string, string | Uint8Array>, more: Partial<FilesRequest> = {}): FilesRequest {
  return {
    project: "kops",
    files: lines(files),
    prefix: "kops",
    staging: names.staging,
    removalShare: 0.5,
    mirrors: [
      { name: "us", kind: "gcs", bucket: names.us, region: "us-central1" },
      { name: "eu", kind: "gcs", bucket: names.eu, region: "europe-west1" },
      { name: "aws", kind: "s3", bucket: names.aws, region: "us-east-1" },
    ],
    storage: stores.settings,
    ...more,
  };
}

function lines(files: Record<string, string | Uint8Array>): string {
  return Object.entries(files)
    .map(([path, content]) => `${path} sha256:${sha256(content)}\n`)
    .sort()
    .join("");
}

async function stage(files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of Object.entries(files)) await stores.stage(names.staging, path, content);
}

/** What each mirror serves at a path: its digest, or undefined. Asked by clients that share no code with ours. */
async function served(path: string): Promise<(string | undefined)[]> {
  const key = `binaries/kops/${path}`;
  const gcs = [names.us, names.eu].map(async (bucket) => {
    const found = await stores.served(bucket, key);
    return found === undefined ? undefined : sha256(found.bytes);
  });
  const { GetObjectCommand } = await import("@aws-sdk/client-s3");
  const s3 = stores.s3Client.send(new GetObjectCommand({ Bucket: names.aws, Key: key })).then(
    async ({ Body }) => sha256(await Body!.transformToByteArray()),
    (error: unknown) => {
      if ((error as Error).name === "NoSuchKey") return undefined;
      throw error;
    },
  );
  return await Promise.all([...gcs, s3]);
}

function previous(
  request: FilesRequest,
  outcome: Pick<Outcome, "incomplete"> = { incomplete: {} },
): Previous<FilesRequest> {
  return { request, incomplete: outcome.incomplete };
}

async function promoted(request: FilesRequest, before?: Previous<FilesRequest>): Promise<Outcome> {
  const outcome = await promoteFiles(request, before, context());
  assert.deepEqual(outcome.failures, []);
  assert.deepEqual(outcome.incomplete, {});
  return outcome;
}
