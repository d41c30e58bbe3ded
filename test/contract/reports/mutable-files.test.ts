/** Users report: stable.txt cannot change, and the way around has a 404 in between and caches that keep the old content for a day. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { before, beforeEach, describe, it } from "mocha";
import {
  filePromotion,
  previewFiles,
  promoteFiles,
  takeFileInventory,
} from "../../../components/promotion/files/files.ts";
import type { Context, FilesRequest, Outcome, Previous } from "../../../components/promotion/run/request.ts";
import { ObjectExists } from "../../../components/promotion/storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../../../components/promotion/storage/crc32c.ts";
import { openStorage } from "../../../components/promotion/storage/storage.ts";
import { afterFile } from "../../support/cleanup.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { startRedirector } from "../../support/redirector-process.ts";

type Content = string | Uint8Array;

const context: Context = { signal: new AbortController().signal, report: () => {} };
const short = "public, max-age=60";
const long = "public, max-age=86400, immutable";

describe("files that move, on fake-gcs-server and versitygw", () => {
  let stores: ObjectStores;
  let world = 0;
  let names: { staging: string; us: string; aws: string };
  before(async () => {
    stores = await startObjectStores();
    afterFile(() => stores.stop());
  });
  beforeEach(async () => {
    world++;
    names = { staging: `staging-${world}`, us: `us-${world}`, aws: `aws-${world}` };
    for (const name of [names.staging, names.us]) await stores.makeBucket("gcs", name, { versioned: true });
    await stores.makeBucket("s3", names.aws, { versioned: true });
    await stores.letAllRead(names.aws);
  });

  it("curl through the redirector: replaced in place in every mirror, never a 404, and short in caches", async () => {
    const near = { cloud: "gcp", region: "near", latitude: 0, longitude: 0 } as const;
    const files = ["us", "aws"].map((name) => ({
      name,
      url: `${name === "us" ? stores.gcs : stores.s3}/${name}-${world}`,
    }));
    const redirectors = await Promise.all(
      files.map((mirror) =>
        startRedirector({
          config: {
            host: "artifacts.example.dev",
            region: { name: "near", latitude: 0, longitude: 0 },
            imageMirrors: [],
            fileMirrors: [{ ...mirror, ...near }],
          },
        }),
      ),
    );
    for (const redirector of redirectors) afterFile(() => redirector.stop());
    const urls = redirectors.map(({ port }) => `http://127.0.0.1:${port}/binaries/kops/stable.txt`);
    const old = await promotedFirst({ "stable.txt": "v1.0.0\n" }, ["stable.txt"]);
    for (const url of urls) assert.equal(await (await fetch(url)).text(), "v1.0.0\n");

    await stage({ "stable.txt": "v1.1.0\n" });
    const next = wanted({ "stable.txt": "v1.1.0\n" }, { mutableFiles: ["stable.txt"] });
    let isOver = false;
    const seen = new Set<string>();
    const clients = urls.map(async (url) => {
      do {
        const response = await fetch(url);
        seen.add(`${response.status} ${(await response.text()).trim()}`);
      } while (!isOver);
    });
    const outcome = await promoteFiles(next, old, context);
    isOver = true;
    await Promise.all(clients);
    assert.equal(outcome.summary, "replaced 2 (14 bytes) in 2 mirrors");
    assert.deepEqual(
      [...seen].filter((what) => what !== "200 v1.0.0" && what !== "200 v1.1.0"),
      [],
    );
    for (const url of urls) {
      const redirect = await fetch(url, { redirect: "manual" });
      assert.deepEqual([redirect.status, redirect.headers.get("cache-control")], [307, "no-store"]);
      const served = await fetch(url);
      assert.deepEqual([await served.text(), served.headers.get("cache-control")], ["v1.1.0\n", short]);
    }
    assert.deepEqual(await takeFileInventory(next, context), { text: next.files, incomplete: {}, failures: [] });
  });

  it("the preview shows the old and the new content of a short text, safe to print, and digests of others", async () => {
    const binary = randomBytes(600);
    const old = await promotedFirst({ "stable.txt": "v1.0.0\n", "a/latest": binary }, ["stable.txt", "*/latest"]);
    const hostile = '\u001b[2Jv1.1.0\n::error::"x"\u202e';
    const files = { "stable.txt": hostile, "a/latest": "short" };
    await stage(files);
    const request = wanted(files, { mutableFiles: ["stable.txt", "*/latest"] });
    const { lines, errors } = await previewFiles(request, old, context);
    assert.deepEqual(errors, []);
    const from = `from gs://${names.staging}`;
    const size = Buffer.byteLength(hostile);
    assert.deepEqual(lines, [
      `replace a/latest sha256:${sha256(binary)} in us, aws by a/latest sha256:${sha256("short")} (5 bytes) ${from}`,
      `replace stable.txt sha256:${sha256("v1.0.0\n")} in us, aws ("v1.0.0" becomes " [2Jv1.1.0 : :error: :\\"x\\" ") by ` +
        `stable.txt sha256:${sha256(hostile)} (${size} bytes) ${from}`,
    ]);
  });

  it("a file that is not declared does not move, nor one that this change declares", async () => {
    const old = await promotedFirst({ "stable.txt": "v1", other: "o1" }, undefined);
    await stage({ "stable.txt": "v2", other: "o2" });
    for (const [mutableFiles, says] of [
      [
        undefined,
        /never changes: choose another path, add this one to mutableFiles in project.yaml in a change before/,
      ],
      [["*.txt"], /stable\.txt .*mutableFiles of project.yaml counts from the run after the one that changes it/],
    ] as const) {
      const request = wanted({ "stable.txt": "v2", other: "o1" }, { ...(mutableFiles && { mutableFiles }) });
      const { errors } = await previewFiles(request, old, context);
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.match(errors[0]!, says);
      const { failures } = await promoteFiles(request, old, context);
      assert.match(failures.join("\n"), says);
    }
    const declared = wanted({ "stable.txt": "v1", other: "o2" }, { mutableFiles: ["stable.txt"] });
    assert.match((await promoteFiles(declared, old, context)).failures.join("\n"), /file other .*never changes/);
    assert.deepEqual(
      [await served("stable.txt"), await served("other")],
      [
        ["v1", "v1"],
        ["o1", "o1"],
      ],
    );
  });

  it("declared after it was published: caches are told by the run that declares it", async () => {
    const old = await promotedFirst({ "stable.txt": "v1", other: "o" }, undefined);
    assert.deepEqual(await cacheControl("stable.txt"), [long, long]);
    const request = wanted({ "stable.txt": "v1", other: "o" }, { mutableFiles: ["stable.txt"], staging: "" });
    const { lines, errors } = await previewFiles(request, old, context);
    assert.deepEqual(errors, []);
    assert.match(
      lines.join("\n"),
      /^replace stable.txt in us, aws \(the same content, which caches may keep for a minute from now on\) by [^\n]*$/,
    );
    assert.equal((await promoted(request, old)).summary, "replaced 2 (4 bytes) in 2 mirrors");
    assert.deepEqual(await cacheControl("stable.txt"), [short, short]);
    assert.deepEqual(await cacheControl("other"), [long, long]);
    assert.equal((await promoted(request, { request, incomplete: {} })).summary, "nothing to do");
  });

  it("rollback: the old line again, from what the buckets keep, though staging has only the new content", async () => {
    const mutableFiles = ["stable.txt"];
    const first = await promotedFirst({ "stable.txt": "v1" }, mutableFiles);
    await stage({ "stable.txt": "v2" });
    const second = wanted({ "stable.txt": "v2" }, { mutableFiles });
    await promoted(second, first);
    const back = first.request;
    const preview = await previewFiles(back, { request: second, incomplete: {} }, context);
    assert.deepEqual(preview.errors, []);
    await promoted(back, { request: second, incomplete: {} });
    assert.deepEqual(await served("stable.txt"), ["v1", "v1"]);
    // S3's versions alone are enough.
    const onlyS3 = { mutableFiles, staging: "", mirrors: wanted({}).mirrors.slice(1) };
    await promoted(wanted({ "stable.txt": "v2" }, onlyS3), {
      request: { ...back, mirrors: onlyS3.mirrors },
      incomplete: {},
    });
    assert.equal((await served("stable.txt"))[1], "v2");
  });

  it("drift: other content is shown, and replaced in place; a removal removes it", async () => {
    const { request } = await promotedFirst({ "stable.txt": "v1", a: "a", b: "b" }, ["stable.txt"]);
    const key = "binaries/kops/stable.txt";
    await stores.s3Client.send(new PutObjectCommand({ Bucket: names.aws, Key: key, Body: "changed by hand" }));
    const found = await takeFileInventory(request, context);
    const lines = `+ stable.txt sha256:${sha256("v1")}\n- stable.txt sha256:${sha256("changed by hand")}\n`;
    assert.deepEqual(found.incomplete, { aws: lines });
    const drift = { request, incomplete: found.incomplete };
    const preview = await previewFiles(request, drift, context);
    assert.match(
      preview.lines.join("\n"),
      /^replace stable.txt sha256:\w+ in aws \("changed by hand" becomes "v1"\) by .* from gs:\/\/us-\d+$/,
    );
    assert.equal((await promoted(request, drift)).summary, "replaced 1 (2 bytes) in 1 mirror");
    assert.deepEqual((await takeFileInventory(request, context)).incomplete, {});
    await promoted({ ...request, files: linesOf({ a: "a", b: "b" }) }, { request, incomplete: {} });
    assert.deepEqual(await served("stable.txt"), [undefined, undefined]);
  });

  it("a file of another project is not replaced", async () => {
    const old = await promotedFirst({ "stable.txt": "v1" }, ["stable.txt"]);
    await stage({ "stable.txt": "v2" });
    const request = { ...wanted({ "stable.txt": "v2" }, { mutableFiles: ["stable.txt"] }), project: "other" };
    const { failures } = await promoteFiles(
      request,
      { ...old, request: { ...old.request, project: "other" } },
      context,
    );
    assert.match(failures.join("\n"), /mirror us, aws: the object belongs to project kops/);
    assert.deepEqual(await served("stable.txt"), ["v1", "v1"]);
  });

  it("a version that somebody else has replaced stays, in one request and in parts; immutable headers are refused", async () => {
    const storage = openStorage(wanted({}).storage);
    afterFile(() => storage.close());
    const { signal } = context;
    for (const { kind, bucket: name, region } of wanted({}).mirrors) {
      const bucket = storage.open({ kind, bucket: name, region });
      for (const size of [3, 9 * 1024 * 1024]) {
        const write = async (over?: Awaited<ReturnType<typeof bucket.stat>>, cacheControl = short) => {
          const bytes = randomBytes(size);
          const content = { size, sha256: sha256(bytes), crc32c: encodeCrc32c(crc32c(bytes)) };
          const headers = { contentType: "text/plain", cacheControl };
          const upload = await bucket.create(`f${size}`, content, headers, signal, over);
          const half = size > 8 * 1024 * 1024 ? 8 * 1024 * 1024 : 0;
          const chunk = (from: number, to: number) => {
            const slice = bytes.subarray(from, to);
            return { bytes: slice, offset: from, crc32c: encodeCrc32c(crc32c(slice)) };
          };
          if (half > 0) await upload.write(chunk(0, half));
          await upload.finish(chunk(half, size));
          return content.sha256;
        };
        await write();
        const seen = await bucket.stat(`f${size}`, signal);
        const second = await write(seen);
        await assert.rejects(write(seen), ObjectExists, `${name}, ${size} bytes`);
        assert.equal((await bucket.stat(`f${size}`, signal))?.sha256, second);
        await assert.rejects(write(seen, long), /served as immutable/);
      }
    }
  });

  it("removed with its project", async () => {
    const { request } = await promotedFirst({ "stable.txt": "v1" }, ["stable.txt"]);
    const outcome = await filePromotion.remove({ request: { ...request, removalShare: 1 }, incomplete: {} }, context);
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(await served("stable.txt"), [undefined, undefined]);
  });

  /** The state after a first run with these files. */
  async function promotedFirst(
    files: Record<string, Content>,
    mutableFiles: readonly string[] | undefined,
  ): Promise<Previous<FilesRequest>> {
    await stage(files);
    const request = wanted(files, mutableFiles && { mutableFiles });
    await promoted(request);
    return { request, incomplete: {} };
  }

  async function promoted(request: FilesRequest, before?: Previous<FilesRequest>): Promise<Outcome> {
    const outcome = await promoteFiles(request, before, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    return outcome;
  }

  function wanted(files: Record<string, Content>, more: Partial<FilesRequest> = {}): FilesRequest {
    return {
      project: "kops",
      files: linesOf(files),
      prefix: "kops",
      staging: names.staging,
      removalShare: 0.5,
      mirrors: [
        { name: "us", kind: "gcs", bucket: names.us, region: "us-central1" },
        { name: "aws", kind: "s3", bucket: names.aws, region: "us-east-1" },
      ],
      storage: stores.settings,
      ...more,
    };
  }

  async function stage(files: Record<string, Content>): Promise<void> {
    for (const [path, content] of Object.entries(files)) await stores.stage(names.staging, path, content);
  }

  /** What both mirrors serve at a path, as text, to clients that share no code with ours. */
  async function served(path: string): Promise<(string | undefined)[]> {
    return await Promise.all(
      (await responses(path)).map(async (response) => (response.status === 404 ? undefined : await response.text())),
    );
  }

  async function cacheControl(path: string): Promise<(string | null)[]> {
    return (await responses(path)).map(({ headers }) => headers.get("cache-control"));
  }

  async function responses(path: string): Promise<Response[]> {
    const key = `binaries/kops/${path}`;
    return await Promise.all(
      [`${stores.gcs}/${names.us}/${key}`, `${stores.s3}/${names.aws}/${key}`].map((url) => fetch(url)),
    );
  }
});

function linesOf(files: Record<string, Content>): string {
  return Object.entries(files)
    .map(([path, content]) => `${path} sha256:${sha256(content)}\n`)
    .sort()
    .join("");
}

function sha256(content: Content): string {
  return createHash("sha256").update(content).digest("hex");
}
