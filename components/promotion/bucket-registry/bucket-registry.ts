import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { layerKey, manifestKey, referrersKey, registryFolder, tagsKey } from "../../../redirector/object-paths.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { RegistryError, WrongContentError } from "../oci/errors.ts";
import { largestManifest, ociIndex, readManifest } from "../oci/manifest.ts";
import { fallbackTag } from "../oci/referrers.ts";
import type { RegistryClient } from "../oci/remote.ts";
import type { Call, RegistryStream, Response } from "../oci/transport.ts";
import {
  type Bucket,
  BucketAbsent,
  ObjectChanged,
  ObjectExists,
  type ObjectHeaders,
  type Stored,
} from "../storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../storage/crc32c.ts";
import { hexOf } from "../text/oci-grammar.ts";
import { Coalesced } from "./coalesced.ts";
import {
  type Contents,
  contentsPrefix,
  differingReferrers,
  digestsOfTags,
  readContents,
  subjectOfList,
  tagListDocument,
} from "./contents.ts";

/** What one image has in a bucket. */
export interface BucketImage {
  readonly manifests: ReadonlySet<Digest>;
  readonly tags: ReadonlyMap<string, Digest>;
  /** A published list is not what it should be by the objects: a killed run left it, or somebody else changed the bucket. */
  readonly isStale: boolean;
}

/** A digest's content never changes (RFC 8246). */
const immutable = "public, max-age=31536000, immutable";
/** A CDN in front of the bucket may keep a tag or list for so long after it changed. */
const short = "public, max-age=60";
/** Attempts to write a list that other processes write too, or that the store keeps losing. */
const mostWrites = 8;

/**
 * A bucket that is laid out as a registry (`redirector/object-paths.ts`), as a client of the distribution API sees it. Carries out the calls
 * on manifests, tags and lists, and reads blobs; blobs are written by `LayerTarget`.
 *
 * A list names only what is there: it is written after the tags and manifests that it names, and before they are deleted. It is always made
 * anew from a listing of the bucket, and replaced only over the version that was looked at, so that several processes may write one.
 * Whatever is written is looked at once more: a store that loses writes is found out.
 */
export class BucketRegistry implements RegistryClient {
  readonly #bucket: Bucket;
  readonly #lists = new Coalesced();
  /** Tags that are being deleted, by image: they are listed no more. */
  readonly #leaving = new Map<string, Set<string>>();
  /** Tags that were written here and are in no listing of the bucket yet, by image. */
  readonly #unlisted = new Map<string, Set<string>>();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async call(call: Call): Promise<Response> {
    const { status, headers = {}, body } = await this.#answer(call);
    if (!call.expect.includes(status)) throw new RegistryError(this.#bucket.url, call.what, status, "", "");
    const content = call.method === "HEAD" || body === undefined ? Buffer.alloc(0) : await body(call);
    return { status, headers, body: content, url: `${this.#bucket.url}${String(call.url)}` };
  }

  async stream(call: Call): Promise<RegistryStream> {
    const { kind, reference } = target(call);
    if (kind !== "blobs") throw new Error(`unreachable: only blobs are streamed, not ${String(call.url)}`);
    const url = `${this.#bucket.url}${String(call.url)}`;
    const stored = await this.#bucket.stat(layerKey(reference), call.signal);
    if (!stored) return { status: 404, headers: {}, body: Readable.from([]), url };
    const from = Number(/^bytes=(\d+)-/.exec(call.headers?.["range"] ?? "")?.[1] ?? 0);
    const body = Readable.from(await this.#bucket.read(stored, from, call.signal));
    return { status: from > 0 ? 206 : 200, headers: {}, body, url };
  }

  /** What an image has here; nothing if the bucket does not exist. */
  async look(name: string, signal: AbortSignal): Promise<BucketImage> {
    const contents = await this.#contents(name, signal);
    const tags = await this.#tagsIn(contents, signal);
    const list = await this.#bytes(contents.list, signal);
    const isEmpty = contents.tags.size === 0 && list === undefined;
    const isListed = isEmpty || this.#document(name, contents).equals(list ?? Buffer.alloc(0));
    const isStale = !isListed || differingReferrers(contents).length > 0;
    return { manifests: new Set(contents.manifests.keys()), tags, isStale };
  }

  /** Brings the published lists of an image to what is there. A tag is on the list only after this. */
  async publish(name: string, signal: AbortSignal): Promise<void> {
    await this.#lists.run(name, () => this.#publishAll(name, signal));
  }

  /** The names of all images that have an object here. */
  async images(signal: AbortSignal): Promise<string[]> {
    const names = new Set<string>();
    for await (const { key } of this.#bucket.list(registryFolder, signal)) {
      const name = /^(.+?)\/_(manifests|tags|referrers)\//.exec(key.slice(registryFolder.length))?.[1];
      if (name !== undefined) names.add(name);
    }
    return [...names];
  }

  async #answer(call: Call): Promise<StoredResponse> {
    const { kind, name, reference } = target(call);
    const read = call.method === "GET" || call.method === "HEAD";
    if (kind === "manifests" && read) return this.#manifest(name, reference, call);
    if (kind === "manifests" && call.method === "PUT") return this.#putManifest(name, reference, call);
    if (kind === "manifests" && call.method === "DELETE") return this.#deleteManifest(name, reference, call.signal);
    if (kind === "tags" && read) return this.#listed(name, call.signal);
    if (kind === "blobs" && read) return this.#blob(reference, call.signal);
    // There is no referrers API: clients of this class keep the list under the fallback tag, and it is published from there.
    return { status: 404 };
  }

  async #manifest(name: string, reference: string, { signal, limit = largestManifest }: Call): Promise<StoredResponse> {
    const stored = await this.#bucket.stat(manifestKey(name, reference), signal);
    if (!stored) return { status: 404 };
    if (stored.size > limit) throw new WrongContentError(`${this.#at(stored)} has more than ${limit} bytes`);
    const read = async () => (await this.#bytes(stored, signal)) ?? Buffer.alloc(0);
    const bytes = stored.sha256 === undefined ? await read() : undefined;
    const digest = bytes === undefined ? `sha256:${stored.sha256}` : digestOf(bytes);
    if (isDigest(reference) && digest !== reference) throw this.#wrong(stored, reference);
    const headers = {
      "docker-content-digest": digest,
      "content-type": stored.contentType ?? "",
      "content-length": String(stored.size),
      etag: stored.version,
    };
    return { status: 200, headers, body: async () => bytes ?? (await read()) };
  }

  async #blob(digest: Digest, signal: AbortSignal): Promise<StoredResponse> {
    const stored = await this.#bucket.stat(layerKey(digest), signal);
    if (!stored) return { status: 404 };
    return { status: 200, body: async ({ limit, into }) => this.#whole(stored, signal, limit, into) };
  }

  /** As Google's registries list: every manifest with its tags, as the bucket has them, not as the published list does. */
  async #listed(name: string, signal: AbortSignal): Promise<StoredResponse> {
    const contents = await this.#contents(name, signal);
    if (contents.manifests.size + contents.tags.size === 0) return { status: 404 };
    const manifest: Record<Digest, { mediaType: string; tag: string[] }> = {};
    const entry = (digest: Digest) => (manifest[digest] ??= { mediaType: "", tag: [] });
    for (const digest of contents.manifests.keys()) entry(digest);
    for (const [tag, digest] of await this.#tagsIn(contents, signal)) entry(digest).tag.push(tag);
    const body = Buffer.from(JSON.stringify({ name, tags: [...contents.tags.keys()], manifest }));
    return { status: 200, body: () => Promise.resolve(body) };
  }

  async #putManifest(name: string, reference: string, { body, headers, signal }: Call): Promise<StoredResponse> {
    const bytes = body ?? Buffer.alloc(0);
    const digest = digestOf(bytes);
    if (isDigest(reference) && reference !== digest) return { status: 400 };
    const contentType = headers?.["content-type"] ?? "application/octet-stream";
    await this.#create(manifestKey(name, digest), digest, bytes, { contentType, cacheControl: immutable }, signal);
    if (!isDigest(reference)) {
      const key = manifestKey(name, reference);
      const now = await this.#bucket.stat(key, signal);
      const expected = headers?.["if-match"];
      if (expected !== undefined && now?.version !== expected) return { status: 412 };
      if (now?.sha256 === undefined || `sha256:${now.sha256}` !== digest) {
        try {
          const over = expected === undefined ? undefined : now;
          await this.#bucket.replace(key, bytes, { contentType, cacheControl: short }, signal, over);
        } catch (error) {
          if (error instanceof ObjectChanged) return { status: 412 };
          throw error;
        }
        await this.#verify(key, signal);
        const unlisted = this.#unlisted.get(name) ?? new Set();
        this.#unlisted.set(name, unlisted.add(reference));
      }
      const subject = subjectOfList(reference);
      if (subject !== undefined) await this.#publishReferrers(name, subject, signal);
    }
    return { status: 201, headers: { "docker-content-digest": digest } };
  }

  /** Deletes a tag, or a manifest with its tags: first from the lists. */
  async #deleteManifest(name: string, reference: string, signal: AbortSignal): Promise<StoredResponse> {
    if (!isDigest(reference)) {
      await this.#deleteTags(name, [reference], async () => {}, signal);
      return { status: 202 };
    }
    const contents = await this.#contents(name, signal);
    const stored = contents.manifests.get(reference);
    const tags = [...(await this.#tagsIn(contents, signal))].filter(([, digest]) => digest === reference);
    await this.#leaveReferrers(name, reference, stored, signal);
    // The manifest before its tags: a killed run leaves a tag that leads to what is left of it.
    const remove = () => this.#remove(manifestKey(name, reference), signal);
    await this.#deleteTags(
      name,
      tags.map(([tag]) => tag),
      remove,
      signal,
    );
    return { status: stored || tags.length > 0 ? 202 : 404 };
  }

  async #deleteTags(name: string, tags: readonly string[], first: () => Promise<void>, signal: AbortSignal) {
    const leaving = this.#leaving.get(name) ?? new Set();
    this.#leaving.set(name, leaving);
    for (const tag of tags) {
      leaving.add(tag);
      this.#unlisted.get(name)?.delete(tag);
    }
    try {
      const listed = tags.filter((tag) => subjectOfList(tag) === undefined);
      if (listed.length > 0) await this.publish(name, signal);
      for (const tag of tags) {
        const subject = subjectOfList(tag);
        if (subject !== undefined) await this.#remove(referrersKey(name, subject), signal);
      }
      await first();
      for (const tag of tags) await this.#remove(manifestKey(name, tag), signal);
    } finally {
      for (const tag of tags) leaving.delete(tag);
    }
    // Another process may have listed them while they were there; and the last tag takes the list with it.
    await this.publish(name, signal);
  }

  /** Takes an attached manifest off the list of its subject before it is deleted. */
  async #leaveReferrers(name: string, digest: Digest, stored: Stored | undefined, signal: AbortSignal): Promise<void> {
    const bytes = await this.#bytes(stored, signal);
    if (!bytes || digestOf(bytes) !== digest) return;
    const { subject } = readManifest(bytes, digest, "");
    if (!subject) return;
    const tag = fallbackTag(subject.digest);
    for (let writes = 0; writes < mostWrites; writes++) {
      const now = await this.#bucket.stat(manifestKey(name, tag), signal);
      const list = await this.#bytes(now, signal);
      if (!now || !list) return;
      const document = JSON.parse(list.toString("utf8")) as { manifests?: { digest?: unknown }[] };
      const rest = (document.manifests ?? []).filter((entry) => entry.digest !== digest);
      if (rest.length === document.manifests?.length) return;
      const url = `/v2/${name}/manifests/`;
      const to = {
        repository: { host: "", origin: "", name },
        what: `take ${digest} off the list of ${subject.digest}`,
        signal,
      };
      const headers = { "content-type": ociIndex, "if-match": now.version };
      const body = Buffer.from(JSON.stringify({ ...document, manifests: rest }));
      const { status } =
        rest.length === 0
          ? await this.#deleteManifest(name, tag, signal)
          : await this.#putManifest(name, tag, { ...to, url: url + tag, method: "PUT", headers, body, expect: [] });
      if (status === 412) continue;
      // The old list is nobody's manifest any more.
      await this.#remove(manifestKey(name, digestOf(list)), signal);
      return;
    }
    throw this.#contended(manifestKey(name, tag));
  }

  async #publishAll(name: string, signal: AbortSignal): Promise<void> {
    const key = tagsKey(name);
    await this.#untilKept(key, signal, async () => {
      // Before the listing: a list that another process writes after a later listing must not be replaced.
      const old = await this.#bucket.stat(key, signal);
      const contents = await this.#contents(name, signal);
      if (await this.#isOld(name, contents, signal)) return false;
      for (const subject of differingReferrers(contents)) await this.#publishReferrers(name, subject, signal);
      const document = this.#document(name, contents);
      if (document.equals(this.#document(name, { ...contents, tags: new Map() })) && contents.manifests.size === 0) {
        if (old) await this.#bucket.remove(old, signal);
        return true;
      }
      const isSame = async (now: Stored | undefined) => (await this.#bytes(now, signal))?.equals(document) ?? false;
      if (await isSame(old)) return true;
      const headers = { contentType: "application/json", cacheControl: short };
      await this.#bucket.replace(key, document, headers, signal, old ?? "nothing");
      return isSame(await this.#bucket.stat(key, signal));
    });
  }

  /** Whether a listing is older than a tag that was written here, and that the bucket has. */
  async #isOld(name: string, { tags }: Contents, signal: AbortSignal): Promise<boolean> {
    const unlisted = this.#unlisted.get(name) ?? new Set();
    for (const tag of unlisted) {
      if (!tags.has(tag) && (await this.#bucket.stat(manifestKey(name, tag), signal))) return true;
      unlisted.delete(tag); // or another process has removed it
    }
    return false;
  }

  async #publishReferrers(name: string, subject: Digest, signal: AbortSignal): Promise<void> {
    await this.#lists.run(`referrers ${name} ${subject}`, () => this.#writeReferrers(name, subject, signal));
  }

  async #writeReferrers(name: string, subject: Digest, signal: AbortSignal): Promise<void> {
    const key = referrersKey(name, subject);
    await this.#untilKept(key, signal, async () => {
      const tag = await this.#bucket.stat(manifestKey(name, fallbackTag(subject)), signal);
      const old = await this.#bucket.stat(key, signal);
      if (!tag) {
        if (old) await this.#bucket.remove(old, signal);
        return true;
      }
      const wanted = await this.#bytes(tag, signal);
      if (!wanted) return false;
      if (old && (await this.#bytes(old, signal))?.equals(wanted)) return true;
      const headers = { contentType: ociIndex, cacheControl: short };
      await this.#bucket.replace(key, wanted, headers, signal, old ?? "nothing");
      return false; // looked at once more
    });
  }

  /** Writes a list until `write` finds it as it should be: other processes write it too. */
  async #untilKept(key: string, signal: AbortSignal, write: () => Promise<boolean>): Promise<void> {
    for (let writes = 0; writes < mostWrites; writes++) {
      if (writes > 0) await pause(Math.random() * 50 * writes, undefined, { signal });
      try {
        if (await write()) return;
      } catch (error) {
        if (!(error instanceof ObjectChanged)) throw error;
      }
    }
    throw this.#contended(key);
  }

  #document(name: string, { tags }: Contents): Buffer {
    const leaving = this.#leaving.get(name);
    return tagListDocument(
      name,
      [...tags.keys()].filter((tag) => !leaving?.has(tag)),
    );
  }

  async #contents(name: string, signal: AbortSignal): Promise<Contents> {
    try {
      return readContents(name, await Array.fromAsync(this.#bucket.list(contentsPrefix(name), signal)));
    } catch (error) {
      if (error instanceof BucketAbsent) return readContents(name, []);
      throw error;
    }
  }

  async #tagsIn(contents: Contents, signal: AbortSignal): Promise<Map<string, Digest>> {
    const known = [...digestsOfTags(contents)].map(async ([tag, digest]): Promise<[string, Digest] | undefined> => {
      if (digest !== undefined) return [tag, digest];
      const stored = await this.#bucket.stat(contents.tags.get(tag)!.key, signal);
      if (!stored) return undefined;
      if (stored.sha256 !== undefined) return [tag, `sha256:${stored.sha256}`];
      const bytes = await this.#bytes(stored, signal);
      return bytes && [tag, digestOf(bytes)];
    });
    return new Map((await Promise.all(known)).filter((entry) => entry !== undefined));
  }

  /** Writes an object that never changes, unless it is there. */
  async #create(key: string, digest: Digest, bytes: Buffer, headers: ObjectHeaders, signal: AbortSignal) {
    const checksum = encodeCrc32c(crc32c(bytes));
    const content = { size: bytes.length, sha256: hexOf(digest), crc32c: checksum };
    try {
      const upload = await this.#bucket.create(key, content, headers, signal);
      await upload.finish({ bytes, offset: 0, crc32c: checksum });
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
    }
    const stored = await this.#verify(key, signal);
    if (stored.size !== bytes.length || (stored.sha256 ?? content.sha256) !== content.sha256)
      throw this.#wrong(stored, digest);
  }

  async #verify(key: string, signal: AbortSignal): Promise<Stored> {
    const stored = await this.#bucket.stat(key, signal);
    if (!stored) throw new WrongContentError(`${this.#bucket.url}/${key} was stored, and is not there`);
    return stored;
  }

  async #remove(key: string, signal: AbortSignal): Promise<void> {
    for (let tries = 0; ; tries++) {
      const stored = await this.#bucket.stat(key, signal);
      if (!stored) return;
      try {
        return await this.#bucket.remove(stored, signal);
      } catch (error) {
        if (!(error instanceof ObjectChanged) || tries === mostWrites) throw error;
      }
    }
  }

  /** The bytes of a small object; undefined if it is not there, or changes while it is read. */
  async #bytes(stored: Stored | undefined, signal: AbortSignal): Promise<Buffer | undefined> {
    if (!stored) return undefined;
    try {
      return await this.#whole(stored, signal, largestManifest);
    } catch (error) {
      signal.throwIfAborted();
      const now = await this.#bucket.stat(stored.key, signal);
      if (now?.version === stored.version) throw error;
      return undefined;
    }
  }

  async #whole(stored: Stored, signal: AbortSignal, limit = largestManifest, into?: Buffer): Promise<Buffer> {
    if (stored.size > limit) throw new WrongContentError(`${this.#at(stored)} has more than ${limit} bytes`);
    const memory = into ?? Buffer.allocUnsafe(stored.size);
    let length = 0;
    for await (const part of await this.#bucket.read(stored, 0, signal)) {
      if (length + part.length > memory.length)
        throw new WrongContentError(`${this.#at(stored)} is longer than the store says`);
      memory.set(part, length);
      length += part.length;
    }
    return memory.subarray(0, length);
  }

  #at(stored: Stored): string {
    return `${this.#bucket.url}/${stored.key}`;
  }

  #wrong(stored: Stored, digest: Digest): WrongContentError {
    return new WrongContentError(`${this.#at(stored)} is not ${digest}: remove it by hand`);
  }

  #contended(key: string): Error {
    return new Error(
      `${this.#bucket.url}/${key}: the store does not keep what is written, lists what was there before, or another process keeps changing it`,
    );
  }
}

interface StoredResponse {
  readonly status: number;
  readonly headers?: Response["headers"];
  readonly body?: (call: Call) => Promise<Buffer>;
}

/** What a call is about. */
function target({ url, repository: { name } }: Call): { kind: string; name: string; reference: string } {
  const path = String(url).split("?", 1)[0]!;
  const start = `/v2/${name}/`;
  const [kind = "", reference = ""] = path.startsWith(start) ? path.slice(start.length).split("/") : [];
  return { kind, name, reference };
}
