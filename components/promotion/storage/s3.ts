/**
 * Amazon S3 by the official SDK (https://docs.aws.amazon.com/AmazonS3/latest/API). Credentials: the SDK's default chain.
 *
 * The SDK's own retries are turned off, because they follow Retry-After for at most five seconds.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { nodeProxies, nodeTunnelError } from "../http/proxy.ts";
import { RateGate, retrying, TransientError } from "../http/retry.ts";
import { parseRetryAfter } from "../http/retry-after.ts";
import { isTransientStatus } from "../http/retry-policy.ts";
import { startTrace } from "../http/trace.ts";
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
  StorageResponse,
  type StoreClient,
  type Stored,
  type Upload,
  UploadLost,
} from "./bucket.ts";
import { withoutQuotes } from "./etag.ts";
import { googleWebIdentity } from "./google-web-identity.ts";

/** A client of one region of S3, or of the store at this endpoint (as in `aws:endpoints`). */
export function connectS3(to: {
  region: string;
  endpoint: string | undefined;
  pathStyle: boolean;
  /** Begins the names of the environment variables with the keys; undefined: the SDK's default chain. */
  keys?: string | undefined;
  /** The store checks the parts of an upload alone: R2 knows no CRC32C of a whole multipart object ("S3 API compatibility", "Checksum types"). */
  partsOnly?: boolean;
}): StoreClient {
  const agent = { keepAlive: true, maxSockets: storeConnections, proxyEnv: nodeProxies(process.env) };
  const config: S3ClientConfig = {
    region: to.region,
    forcePathStyle: to.pathStyle,
    maxAttempts: 1,
    // Each write names the checksum that the store has to verify and keep; the SDK adds no other.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: 15_000,
      socketTimeout: 60_000, // without a byte in either direction
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
    ...(to.endpoint === undefined ? {} : { endpoint: to.endpoint }),
    ...credentialsOf(to),
  };
  const client = new S3Client(config);
  // It describes each response for a log that there is not: an eighth of the processor time of a listing.
  client.middlewareStack.remove("loggerMiddleware");
  traceRequests(client);
  shortenListings(client);
  const connection: Connection = {
    client,
    rateGate: new RateGate(),
    requests: new WeightedSemaphore(storeRequests),
    partsOnly: to.partsOnly ?? false,
  };
  return {
    bucket: (name) => new S3Bucket(connection, name),
    close: async () => connection.client.destroy(),
  };
}

/** Its own keys or, in a task of Cloud Run, a role by Google's token; else nothing, and the SDK's default chain. */
function credentialsOf({
  region,
  keys,
}: {
  region: string;
  keys?: string | undefined;
}): Pick<S3ClientConfig, "credentials"> {
  const credentials = keys === undefined ? googleWebIdentity(region, process.env) : keysFrom(process.env, keys);
  return credentials === undefined ? {} : { credentials };
}

/** Keys of a store that is not Amazon's. Read at the first request, so that a command that needs none does not ask for them. */
function keysFrom(
  environment: NodeJS.ProcessEnv,
  keys: string,
): () => Promise<{ accessKeyId: string; secretAccessKey: string }> {
  return async () => {
    const [id, secret] = [`${keys}_ACCESS_KEY_ID`, `${keys}_SECRET_ACCESS_KEY`] as const;
    const accessKeyId = environment[id] ?? "";
    const secretAccessKey = environment[secret] ?? "";
    if (accessKeyId === "" || secretAccessKey === "") throw new Denied(`no keys: set ${id} and ${secret}`);
    return { accessKeyId, secretAccessKey };
  };
}

/** The number of a request's attempt, for the trace. The SDK has no field for it. */
const attemptNumber = new AsyncLocalStorage<number>();

/** Writes each request of the client to the trace. */
function traceRequests(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as SdkRequest;
      const query = new URLSearchParams(
        Object.entries(request.query).flatMap(([name, value]) =>
          [value ?? ""].flat().map((one): [string, string] => [name, one]),
        ),
      );
      const port = request.port === undefined ? "" : `:${request.port}`;
      const url = `${request.protocol}//${request.hostname}${port}${request.path}?${query}`;
      const trace = startTrace(request.method, url, attemptNumber.getStore() ?? 1);
      const sent = Number(request.headers["content-length"] ?? 0);
      try {
        const result = await next(args);
        const { statusCode, headers } = result.response as SdkResponse;
        trace?.end({
          status: statusCode,
          sent,
          received: request.method === "HEAD" ? 0 : Number(headers["content-length"] ?? 0),
        });
        return result;
      } catch (error) {
        trace?.end({ status: statusOf(error), error, sent });
        throw error;
      }
    },
    { step: "finalizeRequest", name: "artifactsTrace", priority: "low" },
  );
}

/** Elements of a listing that nothing here reads. In XML their text holds no `<`, and neither does a key's. */
const unread = /<(LastModified|ChecksumAlgorithm|ChecksumType|StorageClass)>[^<]*<\/\1>/g;

/** Takes from pages of listings what nothing here reads, before the SDK parses them: that was half of an inventory's processor time in S3. */
function shortenListings(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const response = result.response as SdkResponse;
        if (commandName !== "ListObjectsV2Command" || response.statusCode !== 200) return result;
        response.body = Buffer.from((await text(response.body as Readable)).replaceAll(unread, ""));
        return result;
      },
    { step: "deserialize", name: "artifactsShortenListings", priority: "low" },
  );
}

/** The parts of the SDK's requests and responses that the trace shows. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
}
interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  body?: unknown;
}

/** Metadata keys that are recorded with every object; S3 sends them as `x-amz-meta-...`. */
const recorded = { sha256: "artifacts-sha256", crc32c: "artifacts-crc32c", project: "artifacts-project" } as const;

interface Connection {
  readonly client: S3Client;
  readonly rateGate: RateGate;
  readonly requests: WeightedSemaphore;
  readonly partsOnly: boolean;
}

class S3Bucket implements Bucket {
  readonly url: string;
  readonly #connection: Connection;
  readonly #name: string;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.#name = name;
    this.url = `s3://${name}`;
  }

  async stat(key: string, signal: AbortSignal): Promise<Stored | undefined> {
    const head = await this.#head(key, signal);
    return head === undefined ? undefined : stored(key, head);
  }

  async #head(key: string, signal: AbortSignal, VersionId?: string): Promise<HeadObjectCommandOutput | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.#name, Key: key, VersionId, ChecksumMode: "ENABLED" });
    return await asking(this.#connection, `${this.url}/${key}`, signal, async ({ client }, abortSignal) => {
      try {
        return await client.send(command, { abortSignal });
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<Stored> {
    for await (const page of this.pages(prefix, signal)) yield* page;
  }

  async *pages(prefix: string, signal: AbortSignal): AsyncGenerator<readonly Stored[]> {
    for await (const { Contents = [] } of this.#pages(prefix, undefined, signal)) {
      yield Contents.map(({ Key = "", Size = 0, ETag = "" }) => listed(Key, Size, ETag));
    }
  }

  async *entries(prefix: string, signal: AbortSignal): AsyncGenerator<string> {
    for await (const { Contents = [], CommonPrefixes = [] } of this.#pages(prefix, "/", signal)) {
      yield* [...Contents.map(({ Key = "" }) => Key), ...CommonPrefixes.map(({ Prefix = "" }) => Prefix)].sort();
    }
  }

  async *#pages(
    prefix: string,
    delimiter: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#name,
        Prefix: prefix,
        Delimiter: delimiter,
        ContinuationToken: token,
      });
      const page = await asking(this.#connection, `${this.url}/${prefix}*`, signal, async ({ client }, abortSignal) => {
        try {
          return await client.send(command, { abortSignal });
        } catch (error) {
          // Stores of others answer 404 to an unknown access key too (versitygw), and a wrong endpoint may answer 404 to everything.
          if (statusOf(error) === 404 && nameOf(error) === "NoSuchBucket")
            throw new BucketAbsent(`${this.url} does not exist`);
          throw error;
        }
      });
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async read(object: Stored, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const what = `${this.url}/${object.key}`;
    const response = await asking(this.#connection, what, signal, ({ client }, abortSignal) =>
      client.send(
        new GetObjectCommand({
          Bucket: this.#name,
          Key: object.key,
          VersionId: object.versionId,
          IfMatch: object.version,
          Range: from > 0 ? `bytes=${from}-` : undefined,
        }),
        { abortSignal },
      ),
    );
    if (response.Body === undefined) throw new Error(`${what}: the response has no body`);
    return pieces(what, response.Body as AsyncIterable<Uint8Array>, signal);
  }

  /** "ListObjectVersions" has the versions of a key newest first. */
  async *versions(key: string, signal: AbortSignal): AsyncGenerator<Stored> {
    const what = `${this.url}/${key}`;
    let [KeyMarker, VersionIdMarker]: (string | undefined)[] = [];
    for (let isMore = true; isMore; ) {
      const command = new ListObjectVersionsCommand({ Bucket: this.#name, Prefix: key, KeyMarker, VersionIdMarker });
      const page: ListObjectVersionsCommandOutput = await asking(this.#connection, what, signal, ({ client }, abort) =>
        client.send(command, { abortSignal: abort }),
      );
      const versions = page.Versions ?? [];
      for (const { Key, VersionId } of versions) {
        if (Key !== key || VersionId === undefined) continue;
        const head = await this.#head(key, signal, VersionId);
        if (head !== undefined) yield { ...stored(key, head), versionId: VersionId };
      }
      // Keys come in order, and this one is the first with the prefix.
      isMore = page.IsTruncated === true && versions.every(({ Key }) => Key === key);
      ({ NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page);
    }
  }

  async create(
    key: string,
    content: Content,
    headers: ObjectHeaders,
    signal: AbortSignal,
    over?: Stored,
  ): Promise<Upload> {
    refuseImmutable(`${this.url}/${key}`, headers, over);
    const target = { connection: this.#connection, bucket: this, name: this.#name, key, content, headers, signal };
    return new S3Upload({ ...target, ...(over !== undefined && { replacing: over }) });
  }

  async copyFrom(
    source: string,
    object: Stored & { readonly sha256: string },
    key: string,
    headers: ObjectHeaders,
    signal: AbortSignal,
    copied: (bytes: number) => void = () => {},
  ): Promise<void> {
    const target = {
      connection: this.#connection,
      bucket: this,
      name: this.#name,
      key,
      content: object,
      headers,
      signal,
    };
    await new S3Copy(source, object, target, copied).run();
  }

  /** What a listing of S3 shows of it is the ETag itself. */
  async recordPartsEtag(): Promise<void> {}

  async replace(
    key: string,
    bytes: Uint8Array,
    headers: ObjectHeaders,
    signal: AbortSignal,
    over?: Stored | "nothing",
  ): Promise<void> {
    const { content, chunk } = replacement(key, bytes);
    const connection = this.#connection;
    const to = { connection, bucket: this, name: this.#name, key, content, headers, signal };
    const replacing = over === "nothing" ? undefined : (over ?? "anything");
    try {
      await new S3Upload({ ...to, ...(replacing !== undefined && { replacing }) }).finish(chunk);
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error;
      throw new ObjectChanged(`${this.url}/${key} has changed since it was looked at`);
    }
  }

  /** S3 obeys If-Match here ("DeleteObject"). R2's "S3 API compatibility" does not name it there: what changed since it was looked at may go, too. */
  async remove(object: Stored, signal: AbortSignal): Promise<void> {
    const what = `${this.url}/${object.key}`;
    const command = new DeleteObjectCommand({ Bucket: this.#name, Key: object.key, IfMatch: object.version });
    const isOther = await asking(this.#connection, what, signal, async ({ client }, abortSignal) => {
      try {
        await client.send(command, { abortSignal });
        return false;
      } catch (error) {
        if (statusOf(error) !== 404 && statusOf(error) !== 412) throw error;
        return statusOf(error) === 412;
      }
    });
    // A delete marker matches no ETag either.
    if (!isOther || (await this.stat(object.key, signal)) === undefined) return;
    throw new ObjectChanged(`${what} has changed since it was looked at`);
  }

  async keepsRemoved(signal: AbortSignal): Promise<boolean | undefined> {
    const command = new GetBucketVersioningCommand({ Bucket: this.#name });
    return await asking(this.#connection, this.url, signal, async ({ client }, abortSignal) => {
      try {
        return (await client.send(command, { abortSignal })).Status === "Enabled";
      } catch (error) {
        if (statusOf(error) === 501) return false; // R2, "S3 API compatibility": GetBucketVersioning is not implemented
        if (statusOf(error) === 403 || statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  /** "GetObjectLockConfiguration": 404 without one, 501 from stores that know none, as R2. A bucket that has one keeps versions for good. */
  async lockedDays(signal: AbortSignal): Promise<number | undefined> {
    const command = new GetObjectLockConfigurationCommand({ Bucket: this.#name });
    return await asking(this.#connection, this.url, signal, async ({ client }, abortSignal) => {
      try {
        const { ObjectLockConfiguration: lock } = await client.send(command, { abortSignal });
        const { Days = 0, Years = 0 } = lock?.Rule?.DefaultRetention ?? {};
        return lock?.ObjectLockEnabled === "Enabled" ? Days + 365 * Years : 0;
      } catch (error) {
        if (statusOf(error) === 403) return undefined;
        if (statusOf(error) === 404 || statusOf(error) === 501) return 0;
        throw error;
      }
    });
  }

  /** S3 has no such question. The right to write is the role's, not the new bucket's. */
  async mayWrite(): Promise<undefined> {}
}

/** "You can copy objects up to 5 GB in size in a single atomic operation" (Amazon S3 API, CopyObject); GB as in its limits of uploads: 1024^3 bytes. */
const mostInOneCopy = 5 * 1024 ** 3;
/** Bytes of a part of a larger copy; at most 10,000 parts of the largest object, 5 TiB. */
const copiedPart = 1024 ** 3;

/**
 * A copy inside S3, to a bucket of any region of the same partition. Up to 5 GB by CopyObject, larger ones by UploadPartCopy. The store computes the
 * CRC32C of the whole copy, from those of the parts ("Checking object integrity in Amazon S3": full object checksums), and refuses to complete
 * one that has not the CRC32C of the source.
 *
 * `If-None-Match: *` there: "Copies the object only if the object key name at the destination does not already exist" (CopyObject). versitygw 1.8.0
 * ignores it, so a test with it cannot show the refusal; and its UploadPartCopy returns the checksum of the whole source for each part, so it
 * refuses every copy above 5 GB, which is then sent.
 */
class S3Copy {
  readonly #source: string;
  readonly #object: Stored;
  readonly #to: S3UploadTarget;
  readonly #copied: (bytes: number) => void;
  readonly #what: string;

  constructor(bucket: string, object: Stored, to: S3UploadTarget, copied: (bytes: number) => void) {
    // The value is URL-encoded (CopyObject, x-amz-copy-source), but for the slashes.
    this.#source = `${bucket}/${object.key.split("/").map(encodeURIComponent).join("/")}`;
    this.#object = object;
    this.#to = to;
    this.#copied = copied;
    this.#what = `${to.bucket.url}/${to.key}`;
  }

  async run(): Promise<void> {
    if (this.#object.size <= mostInOneCopy) await this.#copyWhole();
    else await this.#copyParts();
    const { bucket, key, signal, content } = this.#to;
    const made = await bucket.stat(key, signal);
    if (made?.size === content.size && made.sha256 === content.sha256) return;
    if (made !== undefined) await bucket.remove(made, signal);
    throw new CopyUnproven(`${this.#what}: the store does not prove the content of its copy`);
  }

  async #copyWhole(): Promise<void> {
    const { name, key } = this.#to;
    const command = new CopyObjectCommand({
      Bucket: name,
      Key: key,
      CopySource: this.#source,
      CopySourceIfMatch: this.#object.version,
      IfNoneMatch: "*",
      // One that has a CRC32C keeps it; one with the SHA-256 of a single upload keeps that.
      ...(this.#object.crc32c === undefined ? {} : { ChecksumAlgorithm: "CRC32C" as const }),
      MetadataDirective: "REPLACE",
      ...this.#metadata(),
    });
    await this.#asking((client, abortSignal) => client.send(command, { abortSignal }));
  }

  async #copyParts(): Promise<void> {
    const { name, key } = this.#to;
    const { size, crc32c, version } = this.#object;
    if (crc32c === undefined) throw new CopyUnproven(`${this.#what}: the source has no CRC32C`);
    const begin = new CreateMultipartUploadCommand({
      Bucket: name,
      Key: key,
      ChecksumAlgorithm: "CRC32C",
      ChecksumType: "FULL_OBJECT",
      ...this.#metadata(),
    });
    const { UploadId } = await this.#asking((client, abortSignal) => client.send(begin, { abortSignal }));
    try {
      const parts: CompletedPart[] = [];
      for (let from = 0; from < size; from += copiedPart) {
        const end = Math.min(from + copiedPart, size);
        const command = new UploadPartCopyCommand({
          Bucket: name,
          Key: key,
          UploadId,
          PartNumber: parts.length + 1,
          CopySource: this.#source,
          CopySourceIfMatch: version,
          CopySourceRange: `bytes=${from}-${end - 1}`,
        });
        const { CopyPartResult } = await this.#asking((client, abortSignal) => client.send(command, { abortSignal }));
        const { ETag, ChecksumCRC32C } = CopyPartResult ?? {};
        parts.push({ PartNumber: parts.length + 1, ETag, ChecksumCRC32C });
        this.#copied(end - from);
      }
      const complete = new CompleteMultipartUploadCommand({
        Bucket: name,
        Key: key,
        UploadId,
        MultipartUpload: { Parts: parts },
        ChecksumType: "FULL_OBJECT",
        ChecksumCRC32C: crc32c,
        MpuObjectSize: size,
        IfNoneMatch: "*",
      });
      await this.#asking((client, abortSignal) => client.send(complete, { abortSignal }));
    } catch (error) {
      const abort = new AbortMultipartUploadCommand({ Bucket: name, Key: key, UploadId });
      await this.#to.connection.client
        .send(abort, { abortSignal: AbortSignal.timeout(5_000) })
        .catch((ignored: unknown) => ignored);
      throw error;
    }
  }

  #metadata() {
    const { content, headers } = this.#to;
    return {
      ContentType: headers.contentType,
      CacheControl: headers.cacheControl,
      Metadata: metadataOf(content, this.#object.crc32c, headers),
    };
  }

  async #asking<T>(send: (client: S3Client, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const { connection, signal } = this.#to;
    return await asking(connection, this.#what, signal, async ({ client }, abortSignal) => {
      try {
        return await send(client, abortSignal);
      } catch (error) {
        throw statusOf(error) === 412 ? new ObjectExists(`${this.#what} exists, or its source has changed`) : error;
      }
    });
  }
}

/**
 * Objects of one chunk are uploaded in one request, with the SHA-256 that the store verifies and keeps. S3 keeps no
 * SHA-256 of a whole multipart object, so larger ones use CRC32C ("Checking object integrity in Amazon S3": full
 * object checksums).
 */
class S3Upload implements Upload {
  readonly #to: S3UploadTarget;
  readonly #what: string;
  readonly #parts: { PartNumber: number; ETag: string; ChecksumCRC32C: string }[] = [];
  partsEtag: string | undefined;
  #id: string | undefined;
  /** Parts that an interrupted run left, by number. */
  #left: ReadonlyMap<number, LeftPart> = new Map();

  constructor(to: S3UploadTarget) {
    this.#to = to;
    this.#what = `${to.bucket.url}/${to.key}`;
  }

  async write(chunk: Chunk): Promise<void> {
    this.#id ??= (await this.#resume()) ?? (await this.#begin());
    const number = this.#parts.length + 1;
    const left = this.#left.get(number);
    const isSame = left?.size === chunk.bytes.length && left.crc32c === chunk.crc32c;
    if (left !== undefined && !isSame) this.#id = await this.#beginAnew(number);
    const etag = left !== undefined && isSame ? left.etag : await this.#sendPart(this.#id, number, chunk);
    this.#parts.push({ PartNumber: number, ETag: etag, ChecksumCRC32C: chunk.crc32c });
  }

  /** The existing upload is of other content: its metadata, such as the digest, would stay with the object. */
  async #beginAnew(number: number): Promise<string> {
    await this.abort();
    this.#left = new Map();
    if (number === 1) return await this.#begin();
    throw new UploadLost(`${this.#what}: the upload of an interrupted run has other content`);
  }

  async finish(last: Chunk): Promise<void> {
    if (last.offset === 0) return await this.#sendWhole(last);
    if (last.bytes.length > 0) await this.write(last);
    if (this.#id === undefined) throw new Error("unreachable: an upload with an offset has begun");
    await this.#complete(this.#id);
  }

  async abort(): Promise<void> {
    const id = this.#id;
    if (id === undefined) return;
    this.#id = undefined;
    const { connection, name, key } = this.#to;
    const command = new AbortMultipartUploadCommand({ Bucket: name, Key: key, UploadId: id });
    // What is left is invisible, and the bucket's lifecycle rule for incomplete uploads removes it.
    await connection.client.send(command, { abortSignal: AbortSignal.timeout(5_000) }).catch((error: unknown) => error);
  }

  async #sendWhole(chunk: Chunk): Promise<void> {
    const { name, key, headers, content } = this.#to;
    const input = {
      Bucket: name,
      Key: key,
      Body: chunk.bytes,
      ChecksumSHA256: Buffer.from(content.sha256, "hex").toString("base64"),
      ContentType: headers.contentType,
      CacheControl: headers.cacheControl,
      Metadata: metadataOf(content, chunk.crc32c, headers),
    };
    const IfMatch = this.#replaced();
    await this.#creating(async (IfNoneMatch, client, abortSignal) => {
      await client.send(new PutObjectCommand({ ...input, IfNoneMatch, IfMatch }), { abortSignal });
    });
  }

  /** The ETag of what is replaced, if a certain version is. */
  #replaced(): string | undefined {
    const { replacing } = this.#to;
    return typeof replacing === "object" ? replacing.version : undefined;
  }

  async #begin(): Promise<string> {
    const { connection, name, key, headers, content } = this.#to;
    const command = new CreateMultipartUploadCommand({
      Bucket: name,
      Key: key,
      ChecksumAlgorithm: "CRC32C",
      ChecksumType: connection.partsOnly ? "COMPOSITE" : "FULL_OBJECT",
      ContentType: headers.contentType,
      CacheControl: headers.cacheControl,
      Metadata: metadataOf(content, content.crc32c, headers),
    });
    const { UploadId } = await this.#asking((client, abortSignal) => client.send(command, { abortSignal }));
    if (UploadId === undefined) throw new Error(`${this.#what}: the store gave no id for the upload`);
    return UploadId;
  }

  /** An upload of this key that an interrupted run left, if it has parts, which show whether it has the same content. */
  async #resume(): Promise<string | undefined> {
    const { name, key } = this.#to;
    const list = new ListMultipartUploadsCommand({ Bucket: name, Prefix: key });
    try {
      const { Uploads } = await this.#asking((client, abortSignal) => client.send(list, { abortSignal }));
      const found = Uploads?.findLast((upload) => upload.Key === key && upload.ChecksumAlgorithm === "CRC32C");
      if (found?.UploadId === undefined) return undefined;
      const left = new Map<number, LeftPart>();
      let marker: string | undefined;
      do {
        const parts = new ListPartsCommand({
          Bucket: name,
          Key: key,
          UploadId: found.UploadId,
          PartNumberMarker: marker,
        });
        const page = await this.#asking((client, abortSignal) => client.send(parts, { abortSignal }));
        for (const part of page.Parts ?? []) {
          if (part.PartNumber === undefined || part.ETag === undefined) continue;
          left.set(part.PartNumber, { size: part.Size, crc32c: part.ChecksumCRC32C, etag: part.ETag });
        }
        marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
      } while (marker !== undefined);
      if (left.size === 0) return undefined;
      this.#left = left;
      return found.UploadId;
    } catch (error) {
      this.#to.signal.throwIfAborted();
      // Resuming only saves time: without permission to list uploads, the upload starts again.
      if (error instanceof TransientError) throw error;
      return undefined;
    }
  }

  async #sendPart(id: string, number: number, chunk: Chunk): Promise<string> {
    const { name, key } = this.#to;
    const command = new UploadPartCommand({
      Bucket: name,
      Key: key,
      UploadId: id,
      PartNumber: number,
      Body: chunk.bytes,
      ChecksumCRC32C: chunk.crc32c,
    });
    const { ETag } = await this.#asking(async (client, abortSignal) => {
      try {
        return await client.send(command, { abortSignal });
      } catch (error) {
        throw await this.#refusedWrite(error, async () =>
          (await this.#isForgotten(id)) ? this.#forgotten() : undefined,
        );
      }
    });
    if (ETag === undefined) throw new Error(`${this.#what}: the store gave no ETag for part ${number}`);
    return ETag;
  }

  async #isForgotten(id: string): Promise<boolean> {
    const { connection, name, key, signal } = this.#to;
    const command = new ListPartsCommand({ Bucket: name, Key: key, UploadId: id, MaxParts: 1 });
    return await connection.client.send(command, { abortSignal: signal }).then(
      () => false,
      (error: unknown) => nameOf(error) === "NoSuchUpload",
    );
  }

  #forgotten(): UploadLost {
    return new UploadLost(`${this.#what}: the store has forgotten the upload`);
  }

  async #complete(id: string): Promise<void> {
    const { connection, bucket, name, key, content, signal } = this.#to;
    const whole = { ChecksumType: "FULL_OBJECT", ChecksumCRC32C: content.crc32c, MpuObjectSize: content.size } as const;
    const input = {
      Bucket: name,
      Key: key,
      UploadId: id,
      MultipartUpload: { Parts: this.#parts },
      IfMatch: this.#replaced(),
      ...(connection.partsOnly ? {} : whole),
    };
    try {
      await this.#creating(async (IfNoneMatch, client, abortSignal) => {
        const made = await client.send(new CompleteMultipartUploadCommand({ ...input, IfNoneMatch }), { abortSignal });
        this.partsEtag = withoutQuotes(made.ETag);
      });
    } catch (error) {
      if (error instanceof ObjectExists) await this.abort();
      // The response to this client's first attempt may have been lost: then the upload is gone because the object exists.
      if (!(error instanceof UploadLost)) throw error;
      const made = await bucket.stat(key, signal);
      if (made?.size !== content.size || (content.crc32c !== undefined && made.sha256 !== content.sha256)) throw error;
      this.partsEtag = withoutQuotes(made.version);
    }
    this.#id = undefined;
  }

  /** Makes the object visible, if there is none. */
  async #creating(
    send: (ifNoneMatch: "*" | undefined, client: S3Client, abortSignal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const attempt = async (ifNoneMatch: "*" | undefined): Promise<void> => {
      await this.#asking(async (client, abortSignal) => {
        try {
          await send(ifNoneMatch, client, abortSignal);
        } catch (error) {
          throw await this.#refusedWrite(error, async () =>
            ifNoneMatch !== undefined && (await this.#isTaken()) ? this.#exists() : undefined,
          );
        }
      });
    };
    if (this.#to.replacing !== undefined) return await attempt(undefined);
    try {
      await attempt("*");
    } catch (error) {
      // In S3 an object whose newest version is a delete marker does not exist, also for If-None-Match ("How to prevent object overwrites
      // with conditional writes"); other stores with its interface refuse. A bucket with delete markers keeps versions: nothing is lost.
      if (!(error instanceof ObjectExists) || !(await this.#isDeleteMarker())) throw error;
      await attempt(undefined);
    }
  }

  async #isDeleteMarker(): Promise<boolean> {
    return await this.#asking((client, abortSignal) => this.#findDeleteMarker(client, abortSignal));
  }

  /**
   * A store that keeps no versions has no delete markers, and need not know the question: R2 does not list ListObjectVersions among what it
   * implements ("S3 API compatibility"), and answers 501 to what it does not ("Error codes": NotImplemented).
   */
  async #findDeleteMarker(client: S3Client, abortSignal: AbortSignal): Promise<boolean> {
    const { name, key } = this.#to;
    const command = new ListObjectVersionsCommand({ Bucket: name, Prefix: key, MaxKeys: 10 });
    try {
      const { DeleteMarkers } = await client.send(command, { abortSignal });
      return DeleteMarkers?.some((marker) => marker.Key === key && marker.IsLatest === true) ?? false;
    } catch (error) {
      if (statusOf(error) === 501) return false;
      throw error;
    }
  }

  /** Whether there is an object, or a delete marker, for which If-None-Match is refused. */
  async #isTaken(): Promise<boolean> {
    const { connection, name, key, signal } = this.#to;
    const { client } = connection;
    try {
      await client.send(new HeadObjectCommand({ Bucket: name, Key: key }), { abortSignal: signal });
      return true;
    } catch (error) {
      if (statusOf(error) !== 404) return false;
      return await this.#findDeleteMarker(client, signal).catch(() => false);
    }
  }

  #exists(): ObjectExists {
    return new ObjectExists(`${this.#what} exists`);
  }

  /**
   * Why a write failed.
   * @param unseen checks whether the store has refused the write: it may do so before it has read the body, and close
   * the connection, so that its response is lost.
   */
  async #refusedWrite(error: unknown, unseen: () => Promise<StorageResponse | undefined>): Promise<unknown> {
    const status = statusOf(error);
    // With If-Match, 404 means that the object is gone (S3 API, "PutObject").
    if (status === 412 || (status === 404 && typeof this.#to.replacing === "object" && nameOf(error) === "NoSuchKey"))
      return this.#exists();
    if (status === 404 && nameOf(error) === "NoSuchUpload") return this.#forgotten();
    return status === undefined ? ((await unseen()) ?? error) : error;
  }

  async #asking<T>(send: (client: S3Client, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const { connection, signal } = this.#to;
    return await asking(connection, this.#what, signal, ({ client }, abortSignal) => send(client, abortSignal));
  }
}

function metadataOf(content: Content, crc32c: string | undefined, headers: ObjectHeaders): Record<string, string> {
  return {
    [recorded.sha256]: content.sha256,
    ...(crc32c === undefined ? {} : { [recorded.crc32c]: crc32c }),
    ...(headers.project === undefined ? {} : { [recorded.project]: headers.project }),
  };
}

interface S3UploadTarget {
  readonly connection: Connection;
  readonly bucket: S3Bucket;
  readonly name: string;
  readonly key: string;
  readonly content: Content;
  readonly headers: ObjectHeaders;
  readonly signal: AbortSignal;
  /** What may be replaced: any object, or this version of it. Undefined: nothing. */
  readonly replacing?: "anything" | Stored;
}

interface LeftPart {
  readonly size: number | undefined;
  readonly crc32c: string | undefined;
  readonly etag: string;
}

/**
 * An object as a listing describes it. "Objects created by the PUT Object, POST Object, or Copy operation" without a key of one's own "have ETags
 * that are an MD5 digest of their object data" (Amazon S3 API, Object); those of multipart uploads have a hyphen.
 */
function listed(key: string, size: number, etag: string): Stored {
  const [, md5] = /^"?([0-9a-f]{32})"?$/.exec(etag) ?? [];
  return { key, size, version: etag, ...(md5 === undefined ? {} : { md5 }) };
}

function stored(key: string, head: HeadObjectCommandOutput): Stored {
  const metadata = head.Metadata ?? {};
  // A composite checksum ("...-3") is a checksum of the parts' checksums, not of the whole content.
  const whole = head.ChecksumType !== "COMPOSITE";
  const crc32c = whole ? head.ChecksumCRC32C : undefined;
  const noted = metadata[recorded.sha256];
  const proven =
    whole && head.ChecksumSHA256 !== undefined
      ? Buffer.from(head.ChecksumSHA256, "base64").toString("hex")
      : crc32c !== undefined && metadata[recorded.crc32c] === crc32c
        ? noted
        : undefined;
  const project = metadata[recorded.project];
  const encoding = head.ContentEncoding;
  const contentType = head.ContentType;
  return {
    key,
    size: head.ContentLength ?? 0,
    version: head.ETag ?? "",
    ...(crc32c === undefined ? {} : { crc32c }),
    ...(proven === undefined ? {} : { sha256: proven }),
    ...(project === undefined ? {} : { project }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(encoding === undefined || encoding === "" ? {} : { encoding }),
    ...(head.CacheControl === undefined ? {} : { cacheControl: head.CacheControl }),
  };
}

/** Sends a request, with retries; `send` must not call this again. Turns the SDK's errors into errors that name the object. */
async function asking<T>(
  connection: Connection,
  what: string,
  signal: AbortSignal,
  send: (connection: Connection, abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await retrying(connection.rateGate, signal, async (attempt) => {
    try {
      return await connection.requests.with(1, () => attemptNumber.run(attempt, () => send(connection, signal)));
    } catch (error) {
      signal.throwIfAborted();
      throw explained(what, error);
    }
  });
}

/** The error for a failed request; transient failures become {@link TransientError}. */
function explained(what: string, error: unknown): unknown {
  if (error instanceof StorageResponse || error instanceof TransientError) return error;
  const message = messageOf(what, error);
  const status = statusOf(error);
  if (status !== undefined && status >= 300) {
    // "Error responses" of the S3 API. 409 (ConditionalRequestConflict, OperationAborted): another client writes or removes the same key now.
    if (isClockRefused(error)) return new TransientError(message, { cause: error });
    if (status === 401 || status === 403 || nameOf(error) === "InvalidAccessKeyId")
      return new Denied(message, { cause: error });
    if (status !== 409 && !isTransientStatus(status)) return new Error(message, { cause: error });
    return new TransientError(message, {
      cause: error,
      retryAfterMs: parseRetryAfter(headersOf(error)["retry-after"]),
    });
  }
  if (nameOf(error) === "CredentialsProviderError") {
    return new Denied(`${what}: no AWS credentials (${error instanceof Error ? error.message : error})`, {
      cause: error,
    });
  }
  const tunnel = nodeTunnelError(error, process.env);
  if (tunnel?.isRefusal === true) return new Denied(`${what}: ${tunnel.message}`, { cause: error });
  return new TransientError(tunnel ? `${what}: ${tunnel.message}` : message, { cause: error });
}

/**
 * Whether the store refused a request because this machine's clock is wrong. The SDK signs the next attempt with the store's time
 * (`systemClockOffset`). A response to HEAD has no body that says so, only its date.
 */
function isClockRefused(error: unknown): boolean {
  if (nameOf(error) === "RequestTimeTooSkewed") return true; // "Error responses" of the S3 API
  const date = Date.parse(headersOf(error)["date"] ?? "");
  return statusOf(error) === 403 && sdkError(error).Code === undefined && Math.abs(date - Date.now()) > clockTolerance;
}

/** ms that a signature's time may differ from the store's: 15 minutes ("RequestTimeTooSkewed"); the SDK corrects from 5 on. */
const clockTolerance = 5 * 60_000;

async function* pieces(what: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    signal.throwIfAborted();
    throw new TransientError(messageOf(what, error), { cause: error });
  }
}

/** The fields of the SDK's errors that are read here; each may be missing. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  /** Of the response's body. */
  readonly Code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

function sdkError(error: unknown): SdkError {
  return typeof error === "object" && error !== null ? (error as SdkError) : {};
}

function statusOf(error: unknown): number | undefined {
  return sdkError(error).$metadata?.httpStatusCode;
}

function nameOf(error: unknown): string | undefined {
  return sdkError(error).name;
}

function headersOf(error: unknown): Readonly<Record<string, string>> {
  return sdkError(error).$response?.headers ?? {};
}

function messageOf(what: string, error: unknown): string {
  const { name, message, code } = sdkError(error);
  const status = statusOf(error);
  const said = [name === "Error" ? code : name, message].filter((part) => part !== undefined && part !== "").join(": ");
  return `${what}: ${status === undefined ? "" : `HTTP ${status} `}${said}`;
}
