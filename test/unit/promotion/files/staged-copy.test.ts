/** What is staged in the store of a mirror is read once and copied by the store: against a store here, in which staging changes at a certain moment. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { beforeEach, describe, it } from "mocha";
import { promoteFiles } from "../../../../components/promotion/files/files.ts";
import type { Outcome } from "../../../../components/promotion/run/request.ts";
import { crc32c, encodeCrc32c } from "../../../../components/promotion/storage/crc32c.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";

/** An object's resource without what follows from its content. */
type Resource = Readonly<Record<string, unknown>>;
interface StoredObject {
  readonly bytes: Buffer;
  readonly generation: number;
  readonly resource: Resource;
}

/** A GCS with what these tests need of it. */
class SmallStore {
  url = "";
  /** By `bucket/key`. */
  readonly objects = new Map<string, StoredObject>();
  /** Reads, copies, uploads and removals in their order. */
  readonly done: string[] = [];
  /** Runs before a copy is made. @returns the status of a refusal, if any. */
  beforeCopy: () => number | undefined = () => undefined;
  /** What the store says of a copy that it made. */
  describeCopy: (resource: Resource) => Resource = (resource) => resource;
  #generation = 0;

  async start(): Promise<void> {
    const server = await serveOnLoopback((request, response) => {
      void buffer(request).then((body) => {
        const { status, content } = this.#answer(
          request.method ?? "",
          new URL(request.url ?? "", "http://store"),
          body,
        );
        response.writeHead(status).end(content instanceof Buffer ? content : JSON.stringify(content ?? {}));
      });
    });
    this.url = server.url;
    afterTest(() => server.close());
  }

  put(place: string, bytes: Buffer, resource: Resource = {}): StoredObject {
    const object = { bytes, generation: ++this.#generation, resource };
    this.objects.set(place, object);
    return object;
  }

  #answer(method: string, { pathname, searchParams }: URL, body: Buffer): { status: number; content?: object } {
    const [, upload, bucket = "", key = ""] = /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o\/?(.*)$/.exec(pathname) ?? [];
    const [, from = "", toBucket = "", to = ""] = /^([^/]+)\/rewriteTo\/b\/([^/]+)\/o\/(.+)$/.exec(key) ?? [];
    if (from !== "") {
      const refusal = this.beforeCopy();
      const source = this.objects.get(`${bucket}/${decodeURIComponent(from)}`);
      this.done.push(`copy ${searchParams.get("sourceGeneration")}`);
      if (refusal !== undefined) return { status: refusal };
      if (String(source?.generation) !== searchParams.get("sourceGeneration")) return { status: 404 };
      const copy = this.put(`${toBucket}/${decodeURIComponent(to)}`, source!.bytes, JSON.parse(String(body)));
      return { status: 200, content: { done: true, resource: this.describeCopy(described("", copy)) } };
    }
    if (upload) {
      const [resource = "", content = ""] = String(body)
        .split("\r\n\r\n")
        .slice(1)
        .map((part) => part.split("\r\n")[0]);
      const { name, ...rest } = JSON.parse(resource) as { name: string };
      this.done.push(`upload ${name}`);
      return { status: 200, content: described(name, this.put(`${bucket}/${name}`, Buffer.from(content), rest)) };
    }
    if (key === "") return { status: 200, content: {} };
    const place = `${bucket}/${decodeURIComponent(key)}`;
    const object = this.objects.get(place);
    if (object === undefined) return { status: 404 };
    if (method === "DELETE") {
      this.done.push("remove");
      this.objects.delete(place);
      return { status: 204 };
    }
    if (searchParams.get("alt") !== "media")
      return { status: 200, content: described(decodeURIComponent(key), object) };
    this.done.push(`read ${object.generation}`);
    return { status: 200, content: object.bytes };
  }
}

function described(name: string, { bytes, generation, resource }: StoredObject): Resource {
  const crc = encodeCrc32c(crc32c(bytes));
  return { ...resource, name, size: String(bytes.length), generation: String(generation), crc32c: crc };
}

const content = Buffer.from("the release");
const sha256 = createHash("sha256").update(content).digest("hex");
const published = "prod/binaries/kops/tool.tar.gz";
describe("a staged file that its store copies", () => {
  let store: SmallStore;

  beforeEach(async () => {
    store = new SmallStore();
    await store.start();
  });

  async function promote(): Promise<Outcome> {
    const request = {
      project: "kops",
      files: `tool.tar.gz sha256:${sha256}\n`,
      prefix: "kops",
      staging: "staging",
      mirrors: [{ name: "us", kind: "gcs", bucket: "prod", region: "us" } as const],
      removalShare: 1,
      storage: { gcsEndpoint: store.url },
    };
    return await promoteFiles(request, undefined, { signal: new AbortController().signal, report: () => {} });
  }

  it("the copy is made of the version that was read, once all of it was read, and carries nothing of staging's metadata", async () => {
    const metadata = { "artifacts-sha256": "f".repeat(64), "artifacts-project": "other", mine: "x" };
    store.put("staging/tool.tar.gz", content, { contentType: "text/html", cacheControl: "no-store", metadata });
    store.beforeCopy = () => {
      assert.equal(store.objects.has(published), false);
      return undefined;
    };
    const { failures, summary } = await promote();
    assert.deepEqual([failures, summary], [[], "copied 1 (11 bytes) in 1 mirror"]);
    assert.deepEqual(store.done, ["read 1", "copy 1"]);
    assert.deepEqual(store.objects.get(published)?.resource, {
      contentType: "application/gzip",
      cacheControl: "public, max-age=86400, immutable",
      metadata: {
        "artifacts-sha256": sha256,
        "artifacts-crc32c": encodeCrc32c(crc32c(content)),
        "artifacts-project": "kops",
      },
    });
  });

  it("what is staged is replaced after it was read: it is read again, and other content is refused", async () => {
    store.put("staging/tool.tar.gz", content);
    store.beforeCopy = () => {
      store.put("staging/tool.tar.gz", Buffer.from("something else"));
      return undefined;
    };
    const { failures } = await promote();
    assert.match(
      failures.join("\n"),
      /gs:\/\/staging\/tool\.tar\.gz has sha256:\w+, which is not what the manifest says$/,
    );
    assert.deepEqual(store.done, ["read 1", "copy 1", "read 2"]);
    assert.equal(store.objects.has(published), false);
  });

  it("what is staged is replaced by the same content after it was read: it is read again, and sent", async () => {
    store.put("staging/tool.tar.gz", content);
    store.beforeCopy = () => {
      store.put("staging/tool.tar.gz", content);
      return undefined;
    };
    assert.deepEqual((await promote()).failures, []);
    assert.deepEqual(store.done, ["read 1", "copy 1", "read 2", "upload binaries/kops/tool.tar.gz"]);
    assert.deepEqual(store.objects.get(published)?.bytes, content);
  });

  it("a copy of which the store says another checksum is removed, and the content is sent", async () => {
    store.put("staging/tool.tar.gz", content);
    store.describeCopy = (resource) => ({ ...resource, name: "binaries/kops/tool.tar.gz", crc32c: "AAAAAA==" });
    assert.deepEqual((await promote()).failures, []);
    assert.deepEqual(store.done, ["read 1", "copy 1", "remove", "read 1", "upload binaries/kops/tool.tar.gz"]);
    assert.deepEqual(store.objects.get(published)?.bytes, content);
  });

  it("a store that makes no copies is sent the content", async () => {
    store.put("staging/tool.tar.gz", content);
    store.beforeCopy = () => 501;
    assert.deepEqual((await promote()).failures, []);
    assert.deepEqual(store.done, ["read 1", "copy 1", "read 1", "upload binaries/kops/tool.tar.gz"]);
  });

  for (const header of ["contentEncoding", "contentDisposition", "contentLanguage"]) {
    it(`what is staged with ${header}, which a copy might keep, is sent without it`, async () => {
      store.put("staging/tool.tar.gz", content, { [header]: "x" });
      assert.deepEqual((await promote()).failures, []);
      assert.deepEqual(store.done, ["read 1", "upload binaries/kops/tool.tar.gz"]);
      assert.equal(store.objects.get(published)?.resource[header], undefined);
    });
  }
});
