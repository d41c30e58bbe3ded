/**
 * Google Cloud Storage by its JSON API (https://cloud.google.com/storage/docs/json_api).
 *
 * Not the official client, which cannot abort a request when a run is cancelled, ignores Retry-After, and cannot
 * delay the end of an upload until the content is verified. The official library provides the credentials
 * (Application Default Credentials).
 */
import { Readable } from "node:stream";
import { HttpClient, type StreamedResponse } from "../http/client.ts";
import { causeOf } from "../http/errors.ts";
import { RateGate, retrying, TransientError } from "../http/retry.ts";
import { parseRetryAfter } from "../http/retry-after.ts";
import { isProxyRefusal, isTransientStatus, isTransportError } from "../http/retry-policy.ts";
import { userAgent } from "../http/user-agent.ts";
import { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { storeConnections, storeRequests } from "../run/limits.ts";
import {
  type Bucket,
  BucketAbsent,
  type Chunk,
  type Content,
  CopyUnproven,
  Denied,
  ObjectChanged,
  ObjectExists,
  type ObjectHeaders,
  refuseImmutable,
  replacement,
  type StoreClient,
  type Stored,
  type Upload,
  UploadLost,
} from "./bucket.ts";
import { googleCredentialsFor, type RequestAuthorization } from "./google-credentials.ts";

/**
 * A client of the store at this endpoint (as in `gcp:storageCustomEndpoint`), or of the real one.
 * Requests to an endpoint on a loopback address have no credentials, since it is not a real store.
 */
export function connectGcs(endpoint: string | undefined, credentials?: RequestAuthorization): StoreClient {
  const url = new URL(endpoint ?? "https://storage.googleapis.com");
  const client = new GcsClient(url.origin, credentials ?? googleCredentialsFor(url, "devstorage.read_write"));
  return { bucket: (name) => new GcsBucket(client, name), close: () => client.close() };
}

/** What writing an object needs (https://cloud.google.com/storage/docs/access-control/iam-json). */
const createPermission = "storage.objects.create";

/** Metadata keys that are recorded with every object. */
const recorded = {
  sha256: "artifacts-sha256",
  crc32c: "artifacts-crc32c",
  project: "artifacts-project",
  partsEtag: "artifacts-s3-etag",
} as const;

/** The fields of an object resource that are requested. */
const objectFields =
  "name,size,generation,crc32c,md5Hash,contentType,contentEncoding,contentDisposition,contentLanguage,cacheControl,metadata";

interface ObjectResource {
  readonly md5Hash?: string;
  readonly name: string;
  readonly size?: string;
  readonly generation?: string;
  readonly crc32c?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A page of a listing (https://cloud.google.com/storage/docs/json_api/v1/objects/list). */
interface Page {
  readonly items?: readonly ObjectResource[];
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
}

class GcsBucket implements Bucket {
  readonly url: string;
  readonly #client: GcsClient;
  readonly #name: string;

  constructor(client: GcsClient, name: string) {
    this.#client = client;
    this.#name = name;
    this.url = `gs://${name}`;
  }

  async stat(key: string, signal: AbortSignal): Promise<Stored | undefined> {
    const response = await this.#client.json({
      what: `${this.url}/${key}`,
      path: this.#objectPath(key),
      query: { fields: objectFields },
      accept: [200, 404],
      signal,
    });
    return response.status === 404 ? undefined : stored(response.body as ObjectResource);
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<Stored> {
    for await (const page of this.pages(prefix, signal)) yield* page;
  }

  async *pages(prefix: string, signal: AbortSignal): AsyncGenerator<readonly Stored[]> {
    for await (const { items } of this.#pages(prefix, { fields: `nextPageToken,items(${objectFields})` }, signal)) {
      yield (items ?? []).map(stored);
    }
  }

  async *entries(prefix: string, signal: AbortSignal): AsyncGenerator<string> {
    const query = { delimiter: "/", fields: "nextPageToken,prefixes,items(name)" };
    for await (const { items, prefixes } of this.#pages(prefix, query, signal)) {
      yield* [...(items ?? []).map(({ name }) => name), ...(prefixes ?? [])].sort();
    }
  }

  async *#pages(prefix: string, query: Readonly<Record<string, string>>, signal: AbortSignal): AsyncGenerator<Page> {
    let pageToken: string | undefined;
    do {
      const response = await this.#client.json({
        what: `${this.url}/${prefix}*`,
        path: `/storage/v1/b/${encodeURIComponent(this.#name)}/o`,
        query: { prefix, maxResults: "1000", ...query, ...(pageToken === undefined ? {} : { pageToken }) },
        accept: [200, 404],
        signal,
      });
      if (response.status === 404) throw absentBucket(this.url, response);
      const page = response.body as Page;
      yield page;
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && pageToken !== "");
  }

  async read(object: Stored, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return await this.#client.stream({
      what: `${this.url}/${object.key}`,
      path: this.#objectPath(object.key),
      query: { alt: "media", generation: object.version },
      // Otherwise an object with Content-Encoding gzip arrives decompressed, with other bytes than those stored and hashed.
      headers: { "accept-encoding": "gzip", ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      expect: from > 0 ? 206 : 200,
      signal,
    });
  }

  /** A listing with `versions` has all generations of a key, oldest first (https://cloud.google.com/storage/docs/object-versioning). */
  async *versions(key: string, signal: AbortSignal): AsyncGenerator<Stored> {
    const found: Stored[] = [];
    const query = { versions: "true", fields: `nextPageToken,items(${objectFields})` };
    for await (const { items = [] } of this.#pages(key, query, signal)) {
      found.push(...items.filter(({ name }) => name === key).map(stored));
      if (items.some(({ name }) => name !== key)) break; // keys come in order, and this one is the first with the prefix
    }
    yield* found.reverse();
  }

  async create(
    key: string,
    content: Content,
    headers: ObjectHeaders,
    signal: AbortSignal,
    over?: Stored,
  ): Promise<Upload> {
    refuseImmutable(`${this.url}/${key}`, headers, over);
    const path = `/upload/storage/v1/b/${encodeURIComponent(this.#name)}/o`;
    const to = { client: this.#client, bucket: this, path, key, content, headers, signal };
    return new GcsUpload({ ...to, ...(over !== undefined && { replacing: over }) });
  }

  /**
   * Rewrites the object, in as many calls as the store asks for: each returns a token for the next until it is done
   * (https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite). A token is valid for a week and only for the same source and destination.
   * The body is the copy's metadata, in place of the source's. `sourceGeneration` is the very version that was described: content of a generation never changes.
   * `ifGenerationMatch=0` there: "Makes the operation conditional on there being no live versions of the destination object"; fake-gcs-server
   * ignores it, and copies any size in one call.
   */
  async copyFrom(
    source: string,
    object: Stored & { readonly sha256: string },
    key: string,
    headers: ObjectHeaders,
    signal: AbortSignal,
    copied: (bytes: number) => void = () => {},
  ): Promise<void> {
    const { crc32c, size, sha256, version } = object;
    const what = `${this.url}/${key}`;
    if (crc32c === undefined) throw new CopyUnproven(`${what}: gs://${source}/${object.key} has no CRC32C`);
    const from = `/storage/v1/b/${encodeURIComponent(source)}/o/${encodeURIComponent(object.key)}`;
    const body = Buffer.from(resourceText(undefined, headers, { size, sha256 }, crc32c));
    let token: string | undefined;
    for (let rewritten = 0; ; ) {
      const response = await this.#client.json({
        what,
        method: "POST",
        path: `${from}/rewriteTo/b/${encodeURIComponent(this.#name)}/o/${encodeURIComponent(key)}`,
        query: {
          ifGenerationMatch: "0",
          sourceGeneration: version,
          fields: `done,rewriteToken,totalBytesRewritten,resource(${objectFields})`,
          ...(token !== undefined && { rewriteToken: token }),
        },
        headers: { "content-type": "application/json; charset=UTF-8" },
        body,
        accept: [200, 404, 412],
        signal,
      });
      if (response.status === 412) throw new ObjectExists(`${what} exists`);
      if (response.status === 404)
        throw new ObjectChanged(`${what}: gs://${source}/${object.key} has no generation ${version} any more`);
      const {
        done,
        rewriteToken,
        totalBytesRewritten = "0",
        resource,
      } = response.body as {
        done?: boolean;
        rewriteToken?: string;
        totalBytesRewritten?: string;
        resource?: ObjectResource;
      };
      if (done !== true && rewriteToken !== undefined) {
        copied(Number(totalBytesRewritten) - rewritten);
        rewritten = Number(totalBytesRewritten);
        token = rewriteToken;
        continue;
      }
      const made = resource === undefined ? await this.stat(key, signal) : stored(resource);
      if (made?.size === size && made.crc32c === crc32c && made.sha256 === sha256) return;
      if (made !== undefined) await this.remove(made, signal);
      throw new CopyUnproven(
        `${what}: the store's copy has the CRC32C ${made?.crc32c ?? "of nothing"} instead of ${crc32c}`,
      );
    }
  }

  /** "Patch semantics": metadata that is not named stays (https://cloud.google.com/storage/docs/json_api/v1/objects/patch). Needs storage.objects.update. */
  async recordPartsEtag(object: Stored, etag: string, signal: AbortSignal): Promise<void> {
    await this.#client.json({
      what: `${this.url}/${object.key}`,
      method: "PATCH",
      path: this.#objectPath(object.key),
      query: { ifGenerationMatch: object.version, fields: "generation" },
      headers: { "content-type": "application/json; charset=UTF-8" },
      body: Buffer.from(JSON.stringify({ metadata: { [recorded.partsEtag]: etag } })),
      accept: [200],
      signal,
    });
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    headers: ObjectHeaders,
    signal: AbortSignal,
    over?: Stored | "nothing",
  ): Promise<void> {
    const { content, chunk } = replacement(key, bytes);
    const path = `/upload/storage/v1/b/${encodeURIComponent(this.#name)}/o`;
    const to = { client: this.#client, bucket: this, path, key, content, headers, signal };
    const replacing = over === "nothing" ? undefined : (over ?? "anything");
    try {
      await new GcsUpload({ ...to, ...(replacing !== undefined && { replacing }) }).finish(chunk);
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
      throw new ObjectChanged(`${this.url}/${key} has changed since it was looked at`);
    }
  }

  async remove(object: Stored, signal: AbortSignal): Promise<void> {
    const response = await this.#client.json({
      what: `${this.url}/${object.key}`,
      method: "DELETE",
      path: this.#objectPath(object.key),
      query: { ifGenerationMatch: object.version },
      accept: [200, 204, 404, 412],
      signal,
    });
    if (response.status === 412)
      throw new ObjectChanged(`${this.url}/${object.key} has changed since it was looked at`);
  }

  /** Cloud Storage has no such default for objects that may be replaced. */
  async lockedDays(): Promise<number> {
    return 0;
  }

  async keepsRemoved(signal: AbortSignal): Promise<boolean | undefined> {
    const response = await this.#client.json({
      what: this.url,
      path: `/storage/v1/b/${encodeURIComponent(this.#name)}`,
      query: { fields: "versioning,softDeletePolicy" },
      accept: [200, 401, 403, 404],
      signal,
    });
    if (response.status !== 200) return undefined;
    const { versioning, softDeletePolicy } = response.body as {
      versioning?: { enabled?: boolean };
      softDeletePolicy?: { retentionDurationSeconds?: string };
    };
    return versioning?.enabled === true || Number(softDeletePolicy?.retentionDurationSeconds ?? 0) > 0;
  }

  async mayWrite(signal: AbortSignal): Promise<boolean | undefined> {
    const response = await this.#client.json({
      what: this.url,
      path: `/storage/v1/b/${encodeURIComponent(this.#name)}/iam/testPermissions`,
      query: { permissions: createPermission },
      accept: [200, 401, 403, 404],
      signal,
    });
    if (response.status === 404) return undefined;
    const { permissions = [] } = (response.body ?? {}) as { permissions?: readonly string[] };
    return response.status === 200 && permissions.includes(createPermission);
  }

  #objectPath(key: string): string {
    return `/storage/v1/b/${encodeURIComponent(this.#name)}/o/${encodeURIComponent(key)}`;
  }
}

/**
 * Objects of one chunk are uploaded in one request; larger ones by a resumable upload
 * (https://cloud.google.com/storage/docs/performing-resumable-uploads), whose last chunk makes the object visible.
 */
class GcsUpload implements Upload {
  readonly #to: GcsUploadTarget;
  readonly #what: string;
  #session: string | undefined;

  constructor(to: GcsUploadTarget) {
    this.#to = to;
    this.#what = `${to.bucket.url}/${to.key}`;
  }

  async write(chunk: Chunk): Promise<void> {
    this.#session ??= await this.#begin();
    await this.#send(this.#session, chunk.bytes, chunk.offset);
  }

  async finish(last: Chunk): Promise<void> {
    if (this.#session === undefined && last.offset === 0) await this.#sendWhole(last);
    else await this.#send(this.#session ?? (await this.#begin()), last.bytes, last.offset);
  }

  async abort(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    // 499 means cancelled, as documented. An abandoned session is invisible and expires after a week.
    await this.#to.client
      .json({ what: this.#what, method: "DELETE", url: session, accept: "any", signal: AbortSignal.timeout(5_000) })
      .catch((error: unknown) => error);
  }

  /** The object's resource. The store refuses content whose CRC32C differs from the one named here. */
  #resource(crc32c: string | undefined): string {
    const { key, headers, content } = this.#to;
    return resourceText(key, headers, content, crc32c);
  }

  async #sendWhole(chunk: Chunk): Promise<void> {
    const { client, path, headers, signal, replacing } = this.#to;
    const boundary = "artifacts-7c1d2b7e5f0a4c8d";
    const response = await client.json({
      what: this.#what,
      method: "POST",
      path,
      query: { uploadType: "multipart", ...generationFor(replacing), fields: objectFields },
      headers: { "content-type": `multipart/related; boundary=${boundary}` },
      body: [
        Buffer.from(
          `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${this.#resource(chunk.crc32c)}\r\n` +
            `--${boundary}\r\ncontent-type: ${headers.contentType}\r\n\r\n`,
        ),
        chunk.bytes,
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ],
      accept: [200, 412],
      signal,
    });
    await this.#settle(response);
  }

  async #begin(): Promise<string> {
    const { client, path, key, headers, content, signal, replacing } = this.#to;
    const response = await client.json({
      what: this.#what,
      method: "POST",
      path,
      query: { uploadType: "resumable", ...generationFor(replacing), name: key, fields: objectFields },
      headers: {
        "content-type": "application/json; charset=UTF-8",
        "x-upload-content-type": headers.contentType,
        "x-upload-content-length": String(content.size),
      },
      body: Buffer.from(this.#resource(content.crc32c)),
      accept: [200, 412],
      signal,
    });
    if (response.status === 412) throw new ObjectExists(`${this.#what} exists`);
    const location = response.headers["location"];
    if (typeof location !== "string") throw new Error(`${this.#what}: the store returned no URL for the upload`);
    return client.resolve(location);
  }

  /** Sends bytes to the session. After a failure it first asks how many have arrived, and sends only the rest. */
  async #send(session: string, bytes: Uint8Array, offset: number): Promise<void> {
    const { client, content, signal } = this.#to;
    const end = offset + bytes.length;
    let sent = 0;
    await retrying(client.rateGate, signal, async (attempt) => {
      while (true) {
        const rest = bytes.subarray(sent);
        const range = rest.length === 0 ? "*" : `${offset + sent}-${end - 1}`;
        const response = await client
          .once(
            {
              what: this.#what,
              method: "PUT",
              url: session,
              headers: { "content-range": `bytes ${range}/${content.size}` },
              body: rest,
              accept: [200, 201, 308, 404, 410, 412],
              signal,
            },
            attempt,
          )
          .catch(async (error: unknown) => {
            const status = error instanceof TransientError ? await this.#status(session) : undefined;
            // Everything has arrived and only the response was lost, or the upload is gone: this response is the result.
            if (status !== undefined && status.status !== 308) return status;
            if (status !== undefined) sent = Math.min(Math.max(arrivedOf(status) - offset, 0), bytes.length);
            throw error;
          });
        if (response.status === 308) {
          const before = sent;
          sent = arrivedOf(response) - offset;
          if (sent < 0) throw new UploadLost(`${this.#what}: the store has lost part of the upload`);
          if (sent >= bytes.length && end < content.size) return;
          if (sent <= before)
            throw new TransientError(`${this.#what}: the store takes no more than ${offset + sent} bytes`);
          continue;
        }
        if (response.status === 404 || response.status === 410) {
          throw new UploadLost(`${this.#what}: the store has forgotten the upload`);
        }
        await this.#settle(response);
        return;
      }
    });
  }

  /**
   * The status of the upload: 308 with the received range, 200 or 201 once it is complete, 404 or 410 if the store
   * does not know it ("Check the status of a resumable upload"); undefined if the store does not respond.
   */
  async #status(session: string): Promise<Reply | undefined> {
    const { client, content, signal } = this.#to;
    const status = await client
      .once(
        {
          what: this.#what,
          method: "PUT",
          url: session,
          headers: { "content-range": `bytes */${content.size}` },
          body: Buffer.alloc(0),
          accept: [200, 201, 308, 404, 410],
          signal,
        },
        1,
      )
      .catch((error: unknown) => error);
    return isReply(status) ? status : undefined;
  }

  /** Handles the final response. 412 can also follow this client's own success whose response was lost. */
  async #settle(reply: Reply): Promise<void> {
    this.#session = undefined;
    if (reply.status === 412) throw new ObjectExists(`${this.#what} exists`);
    const made = stored(reply.body as ObjectResource);
    if (made.size === this.#to.content.size && made.sha256 === this.#to.content.sha256) return;
    if (made.size === this.#to.content.size && made.sha256 === undefined) return;
    // The store reports other content than was sent: the object is removed.
    await this.#to.bucket.remove(made, this.#to.signal);
    throw new TransientError(`${this.#what}: the store kept ${made.size} bytes instead of ${this.#to.content.size}`);
  }
}

/** An object's resource for a request. @param name undefined if the request names the object elsewhere. */
function resourceText(
  name: string | undefined,
  headers: ObjectHeaders,
  content: Content,
  crc32c: string | undefined,
): string {
  return JSON.stringify({
    ...(name === undefined ? {} : { name, ...(crc32c === undefined ? {} : { crc32c }) }),
    contentType: headers.contentType,
    cacheControl: headers.cacheControl,
    metadata: {
      [recorded.sha256]: content.sha256,
      ...(crc32c === undefined ? {} : { [recorded.crc32c]: crc32c }),
      ...(headers.project === undefined ? {} : { [recorded.project]: headers.project }),
    },
  });
}

interface GcsUploadTarget {
  readonly client: GcsClient;
  readonly bucket: GcsBucket;
  readonly path: string;
  readonly key: string;
  readonly content: Content;
  readonly headers: ObjectHeaders;
  readonly signal: AbortSignal;
  /** What may be replaced: any object, or this version of it. Undefined: nothing. */
  readonly replacing?: "anything" | Stored;
}

/** The condition of a write ("Request preconditions"); generation 0: there must be no object. */
function generationFor(replacing: GcsUploadTarget["replacing"]): Readonly<Record<string, string>> {
  if (replacing === "anything") return {};
  return { ifGenerationMatch: replacing === undefined ? "0" : replacing.version };
}

function stored(object: ObjectResource): Stored {
  const metadata = object.metadata ?? {};
  const sha256 = metadata[recorded.sha256];
  const project = metadata[recorded.project];
  const partsEtag = metadata[recorded.partsEtag];
  const otherHeaders = (["contentDisposition", "contentLanguage"] as const).filter((name) => object[name]);
  // Metadata can change without the content: it is valid only together with the checksum of the content that it was written with.
  const proven = sha256 !== undefined && object.crc32c !== undefined && metadata[recorded.crc32c] === object.crc32c;
  return {
    key: object.name,
    size: Number(object.size ?? 0),
    version: object.generation ?? "",
    ...(object.crc32c === undefined ? {} : { crc32c: object.crc32c }),
    ...(proven ? { sha256 } : {}),
    ...(object.md5Hash === undefined ? {} : { md5: Buffer.from(object.md5Hash, "base64").toString("hex") }),
    ...(partsEtag === undefined ? {} : { partsEtag }),
    ...(project === undefined ? {} : { project }),
    ...(object.contentType === undefined ? {} : { contentType: object.contentType }),
    ...(object.contentEncoding === undefined || object.contentEncoding === ""
      ? {}
      : { encoding: object.contentEncoding }),
    ...(otherHeaders.length > 0 && { otherHeaders }),
    ...(object.cacheControl === undefined ? {} : { cacheControl: object.cacheControl }),
  };
}

/** How many bytes have arrived by a 308: `Range: bytes=0-<last>`; absent if none have. */
function arrivedOf(reply: Reply): number {
  const range = reply.headers["range"];
  const last = typeof range === "string" ? /^bytes=0-(\d+)$/.exec(range)?.[1] : undefined;
  return last === undefined ? 0 : Number(last) + 1;
}

interface Ask {
  /** What the request does, for messages. */
  readonly what: string;
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path?: string;
  /** Instead of `path`: a complete URL, e.g. of an upload session. */
  readonly url?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Several slices are sent one after the other without copying them, so a chunk for 22 mirrors is in memory once. */
  readonly body?: Uint8Array | readonly Uint8Array[];
  readonly accept: readonly number[] | "any";
  readonly signal: AbortSignal;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; undefined if the response has none. */
  readonly body: unknown;
}

function isReply(value: unknown): value is Reply {
  return typeof value === "object" && value !== null && "status" in value && "headers" in value;
}

/** HTTP client of one GCS endpoint: connections, credentials, the rate gate, and the store's errors. */
class GcsClient {
  readonly rateGate = new RateGate();
  readonly #origin: string;
  readonly #credentials: RequestAuthorization;
  readonly #http = new HttpClient({
    connections: storeConnections,
    connectTimeout: 15_000,
    stallTimeout: 60_000,
  });
  readonly #requests = new WeightedSemaphore(storeRequests);

  constructor(origin: string, credentials: RequestAuthorization) {
    this.#origin = origin;
    this.#credentials = credentials;
  }

  async close(): Promise<void> {
    await this.#http.destroy();
  }

  /** The absolute URL of an upload session. */
  resolve(location: string): string {
    return new URL(location, this.#origin).href;
  }

  /** Sends a request, with retries. */
  async json(ask: Ask): Promise<Reply> {
    return await retrying(this.rateGate, ask.signal, (attempt) => this.once(ask, attempt));
  }

  /** Sends a request once. Throws {@link TransientError} for transient failures. */
  async once(ask: Ask, attempt: number): Promise<Reply> {
    return await this.#requests.with(1, () => this.#once(ask, attempt));
  }

  async #once(ask: Ask, attempt: number): Promise<Reply> {
    const response = await this.#send(ask, attempt);
    const text = await this.#passing(ask, () => textOf(response));
    const reply: Reply = { status: response.status, headers: response.headers, body: parseJson(text) };
    if (ask.accept === "any" || ask.accept.includes(reply.status)) return reply;
    throw refusal(ask.what, reply, text);
  }

  /** Opens a download. If it breaks later, the iteration throws {@link TransientError}. */
  async stream(ask: Omit<Ask, "accept"> & { expect: number }): Promise<AsyncIterable<Uint8Array>> {
    return await retrying(this.rateGate, ask.signal, async (attempt) => {
      const response = await this.#send(ask, attempt);
      if (response.status === ask.expect) return this.#pieces(ask, response.body);
      const text = await this.#passing(ask, () => textOf(response));
      throw refusal(ask.what, { status: response.status, headers: response.headers, body: parseJson(text) }, text);
    });
  }

  async *#pieces(ask: Pick<Ask, "what" | "signal">, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      ask.signal.throwIfAborted();
      throw broken(ask.what, error);
    }
  }

  async #send(ask: Omit<Ask, "accept">, attempt: number): Promise<StreamedResponse> {
    const url = new URL(ask.url ?? `${this.#origin}${ask.path ?? "/"}`);
    for (const [name, value] of Object.entries(ask.query ?? {})) url.searchParams.set(name, value);
    for (const fresh of [false, true]) {
      const authorization = await this.#credentials(fresh);
      const response = await this.#passing(ask, () =>
        this.#http.stream(
          {
            origin: url.origin,
            path: url.pathname + url.search,
            method: ask.method ?? "GET",
            headers: {
              ...userAgent,
              ...ask.headers,
              ...lengthOf(ask.body),
              ...(authorization === undefined ? {} : { authorization }),
            },
            body: isSlices(ask.body) ? Readable.from(ask.body, { objectMode: false }) : ask.body,
            responseTimeout: 120_000,
            attempt,
          },
          ask.signal,
        ),
      );
      // A token may expire between two requests: repeats once with a new one.
      if (response.status !== 401 || fresh || authorization === undefined) return response;
      await response.body.dump();
    }
    throw new Error("unreachable: the second response is returned whatever it is");
  }

  async #passing<T>(ask: Pick<Ask, "what" | "signal">, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      ask.signal.throwIfAborted();
      throw broken(ask.what, error);
    }
  }
}

/** The error for a request without a response, or with an incomplete one. */
function broken(what: string, error: unknown): unknown {
  const message = `${what}: ${causeOf(error)}`;
  if (isProxyRefusal(error)) return new Denied(message, { cause: error });
  return isTransportError(error) ? new TransientError(message, { cause: error }) : error;
}

async function textOf({ body }: StreamedResponse): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of body as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

function isSlices(body: Ask["body"]): body is readonly Uint8Array[] {
  return Array.isArray(body);
}

/** Content-Length of a body. */
function lengthOf(body: Ask["body"]): Readonly<Record<string, string>> {
  if (!isSlices(body)) return body === undefined ? {} : { "content-length": String(body.length) };
  return { "content-length": String(body.reduce((sum, piece) => sum + piece.length, 0)) };
}

/** The error for a listing's 404. Only what Google's API says in JSON is about the bucket: a wrong endpoint may answer 404 to everything. */
function absentBucket(url: string, { body }: Reply): Error {
  const isGoogles = typeof (body as { error?: unknown } | undefined)?.error === "object";
  return isGoogles
    ? new BucketAbsent(`${url} does not exist`)
    : new Error(`${url}: HTTP 404 from a server that is not Google Cloud Storage: check the endpoint`);
}

/**
 * Transient statuses (https://cloud.google.com/storage/docs/retry-strategy), and a 403 because of a rate limit, not of
 * permissions, are retried.
 */
function refusal(what: string, reply: Reply, text: string): Error {
  const error = (reply.body as { error?: { message?: string; errors?: { reason?: string }[] } } | undefined)?.error;
  const said = error?.message ?? text.slice(0, 300).trim();
  const message = `${what}: HTTP ${reply.status}${said === "" ? "" : ` ${said}`}`;
  const isRate = error?.errors?.some(({ reason }) => /^(user)?rateLimitExceeded$/i.test(reason ?? "")) ?? false;
  if (!isRate && !isTransientStatus(reply.status)) {
    return reply.status === 401 || reply.status === 403 ? new Denied(message) : new Error(message);
  }
  const retryAfter = reply.headers["retry-after"];
  return new TransientError(message, {
    retryAfterMs: parseRetryAfter(typeof retryAfter === "string" ? retryAfter : undefined),
  });
}

function parseJson(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined; // an error page of a proxy: its text goes into the message
  }
}
