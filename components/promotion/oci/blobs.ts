import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import { InterruptedError, UnreachableError } from "../http/errors.ts";
import { attempts } from "../http/retry-policy.ts";
import { type Digest, digestOf } from "./digest.ts";
import { RegistryError, WrongContentError } from "./errors.ts";
import type { Remote } from "./remote.ts";
import type { Repository } from "./repository.ts";
import type { Call, Response } from "./transport.ts";

/** A blob as a manifest describes it. */
export interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/** A resume point: an offset in a blob from which reading can continue, with the hash of all bytes before it. */
export interface ResumePoint {
  readonly offset: number;
  readonly hash: Hash;
}

/** The start of any blob. */
export function beginning(): ResumePoint {
  return { offset: 0, hash: createHash("sha256") };
}

/** Whether a repository has a blob. */
export async function hasBlob(at: Remote, { digest }: Pick<Blob, "digest">): Promise<boolean> {
  return (await headBlob(at, digest)) !== undefined;
}

/** Asks for a blob: its size as far as the registry says it; undefined if the repository does not have it. */
export async function headBlob(at: Remote, digest: Digest): Promise<{ readonly size: number | undefined } | undefined> {
  const what = `ask for blob ${digest} in ${at.repository.name}`;
  const url = `/v2/${at.repository.name}/blobs/${digest}`;
  const { status, headers } = await call(at, { url, what, method: "HEAD", expect: [200, 404] });
  if (status === 404) return undefined;
  const length = headers["content-length"];
  return { size: typeof length === "string" && /^\d+$/.test(length) ? Number(length) : undefined };
}

/**
 * Reads a small blob into memory from the first source that has its complete and correct content.
 * @param into memory for it, of at least its size.
 * @throws the first wrong content if no source has the correct one, else the last source's failure.
 */
export async function getBlob(sources: readonly Remote[], { digest, size }: Blob, into: Buffer): Promise<Buffer> {
  let wrong: unknown;
  let failure: unknown;
  for (const at of sources) {
    const { host, name } = at.repository;
    const what = `read blob ${digest} of ${name}`;
    try {
      const url = `/v2/${name}/blobs/${digest}`;
      const get = { url, what, method: "GET", expect: [200, 404], limit: size, into } as const;
      let response = await call(at, get);
      // A proxy may have ended the response early without an error.
      for (let tries = 1; response.status === 200 && response.body.length < size && tries < mostBreaks; tries++) {
        response = await call(at, get);
      }
      if (response.status === 404) continue;
      if (response.body.length === size && digestOf(response.body) === digest) return response.body;
      wrong ??= new WrongContentError(`blob from ${host} is not ${digest}`, at.repository);
    } catch (error) {
      at.signal.throwIfAborted();
      if (error instanceof WrongContentError) wrong ??= error;
      failure = error;
    }
  }
  throw wrong ?? failure ?? absent(digest);
}

function absent(digest: Digest): WrongContentError {
  return new WrongContentError(`blob ${digest} is in none of the places that were tried`);
}

/** Bytes between two resume points; after a broken connection, reading repeats from the last one. */
const resumePointEvery = 8 * 1024 * 1024;
/** How often the connection to a source may break without a byte of progress before the next source is used. */
const mostBreaks = 4;

/**
 * Streams a blob from the first source that has it, resumes after a broken connection from the same or another
 * source, and verifies it: the last chunk is yielded only after the whole content has matched the digest.
 * @param sources repositories to try, in this order.
 * @param from where to start.
 * @param mark called now and then with a resume point.
 * @throws WrongContentError (content is not the digest's), or the last source's failure.
 */
export async function* readBlob(
  sources: readonly Remote[],
  blob: Blob,
  from: ResumePoint,
  mark: (resumePoint: ResumePoint) => void = () => {},
): AsyncGenerator<Buffer> {
  let { offset } = from;
  const hash = from.hash.copy();
  let marked = offset;
  let pending: Buffer | undefined;
  let failure: unknown;
  for (const source of sources) {
    for (let breaks = 0; breaks < mostBreaks; ) {
      const before = offset;
      try {
        // Everything may have been read if a connection broke, or an upload stopped, at the end: no range can start after the last byte.
        const body = offset < blob.size ? await openBlob(source, blob, offset) : Readable.from([]);
        if (!body) break;
        try {
          for await (const chunk of body) {
            if (offset + chunk.length > blob.size) {
              throw new WrongContentError(
                `blob ${blob.digest} from ${source.repository.host} is longer than its ${blob.size} bytes`,
              );
            }
            offset += chunk.length;
            hash.update(chunk);
            if (offset - marked >= resumePointEvery) {
              marked = offset;
              mark({ offset, hash: hash.copy() });
            }
            if (pending) yield pending;
            pending = chunk;
          }
        } finally {
          body.destroy();
        }
        if (offset === blob.size) {
          if (`sha256:${hash.digest("hex")}` !== blob.digest) {
            const { host } = source.repository;
            throw new WrongContentError(`blob from ${host} is not ${blob.digest}`, source.repository);
          }
          if (pending) yield pending;
          return;
        }
        throw new InterruptedError(
          `${source.repository.host} ended blob ${blob.digest} at ${offset} of ${blob.size} bytes`,
          "too short",
        );
      } catch (error) {
        source.signal.throwIfAborted();
        if (error instanceof WrongContentError) throw error;
        failure = error;
        if (error instanceof RegistryError || error instanceof UnreachableError) break;
        breaks = offset > before ? 1 : breaks + 1;
      }
    }
  }
  throw failure ?? absent(blob.digest);
}

/** A blob's bytes from an offset on; undefined if the repository does not have it. */
async function openBlob(at: Remote, { digest, size }: Blob, offset: number) {
  const { transport, ...rest } = at;
  const response = await transport.stream({
    ...rest,
    url: `/v2/${at.repository.name}/blobs/${digest}`,
    what: `read blob ${digest} of ${at.repository.name}`,
    method: "GET",
    ...(offset > 0 && { headers: { range: `bytes=${offset}-${size - 1}` } }),
    expect: [200, 206, 404],
  });
  if (response.status === 404) {
    response.body.resume(); // destroying it would emit an error without a listener
    return undefined;
  }
  if (response.status === 206 || offset === 0) return response.body;
  return skip(response.body, offset); // a server without range requests sends everything again
}

function skip(body: Readable, bytes: number) {
  let left = bytes;
  return body.flatMap((chunk: Buffer) => {
    const rest = chunk.subarray(Math.min(left, chunk.length));
    left -= chunk.length - rest.length;
    return rest.length > 0 ? [rest] : [];
  });
}

/** Whether a host is known to accept a blob in the POST that starts its upload (distribution spec, "Single POST"). */
const singlePost = new WeakMap<object, Map<string, boolean>>();
/** A first POST to find out, whose body the registry may discard. */
const worthATry = 64 * 1024;

/**
 * Stores a blob from memory: in one request where the registry supports that, else in two.
 * @param begun an upload that was started already.
 */
export async function putBlob(at: Remote, { digest }: Blob, bytes: Buffer, begun?: URL): Promise<void> {
  const known = singlePost.get(at.transport) ?? new Map<string, boolean>();
  singlePost.set(at.transport, known);
  const { host } = at.repository;
  const what = `write blob ${digest} to ${at.repository.name}`;
  if (!begun && (known.get(host) ?? bytes.length <= worthATry)) {
    const url = `${uploads(at)}?digest=${encodeURIComponent(digest)}`;
    const post = { url, what, method: "POST", headers: octets, body: bytes, expect: [201, 202], slow: true } as const;
    const response = await call(at, post);
    known.set(host, response.status === 201);
    if (response.status === 201) return;
    return putWhole(at, location(at, response), digest, bytes, what);
  }
  await putWhole(at, begun ?? (await beginUpload(at, digest)), digest, bytes, what);
}

/** Uploads that may be started for one blob: each attempt may need a new one, if the registry forgets broken uploads. */
const mostUploads = attempts;

async function putWhole(at: Remote, upload: URL, digest: Digest, bytes: Buffer, what: string): Promise<void> {
  let to = upload;
  for (let uploads = 1; ; uploads++) {
    const url = withDigest(to, digest);
    const put = { url, what, method: "PUT", headers: octets, body: bytes, expect: [201, 204], slow: true } as const;
    try {
      return await unlessThere(at, digest, call(at, put));
    } catch (error) {
      if (!isUploadGone(error) || uploads >= mostUploads) throw error;
      to = await beginUpload(at, digest);
    }
  }
}

/**
 * The response to a first attempt may have been lost, so that the repeated request finds the upload gone: then the blob
 * exists.
 */
async function unlessThere(at: Remote, digest: Digest, put: Promise<unknown>): Promise<void> {
  try {
    await put;
  } catch (error) {
    if (!isUploadGone(error)) throw error;
    if (!(await hasBlob(at, { digest }))) throw error;
  }
}

/** Whether an upload is no longer known (404 in the spec, 400 in olareg), or is at another offset than expected (416). */
function isUploadGone(error: unknown): boolean {
  return error instanceof RegistryError && [400, 404, 416].includes(error.status);
}

async function beginUpload(at: Remote, digest: Digest): Promise<URL> {
  const upload = await startUpload(at, digest);
  if (upload === "mounted") throw new Error("unreachable: a mount was not asked for");
  return upload;
}

/**
 * Starts an upload, or has the registry mount the blob from another of its repositories (spec, "Mounting a blob").
 * @returns where to send the bytes, or "mounted": there is nothing to send.
 */
export async function startUpload(at: Remote, digest: Digest, from?: Repository): Promise<URL | "mounted"> {
  const query = from ? `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from.name)}` : "";
  const what = `begin upload of blob ${digest} to ${at.repository.name}`;
  const request = { what, method: "POST", expect: [201, 202] } as const;
  try {
    const response = await call(at, { ...request, url: `${uploads(at)}${query}`, ...(from && { from }) });
    return response.status === 201 && from ? "mounted" : location(at, response);
  } catch (error) {
    // Some registries refuse a mount that is not possible, where they should start an upload instead.
    if (!from || !(error instanceof RegistryError) || error.status >= 500) throw error;
    return location(at, await call(at, { ...request, url: uploads(at) }));
  }
}

/**
 * Streams the rest of a blob into an upload as one chunk (spec, "Pushing a blob in chunks"; Docker sends the form
 * without Content-Range, so registries without support for chunks accept it too).
 * @param offset how many bytes the registry has already.
 * @returns the URL to continue at.
 */
export async function sendRest(
  at: Remote,
  upload: URL,
  { digest, size }: Blob,
  offset: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<URL> {
  const response = await call(at, {
    url: upload,
    what: `write blob ${digest} to ${at.repository.name}`,
    method: "PATCH",
    headers: {
      ...octets,
      "content-length": String(size - offset),
      ...(offset > 0 && { "content-range": `${offset}-${size - 1}` }),
    },
    stream: chunks,
    expect: [202, 204],
    slow: true,
  });
  return location(at, response);
}

/** Completes an upload: the registry verifies the digest and stores the blob. */
export async function finishUpload(at: Remote, upload: URL, digest: Digest): Promise<void> {
  const what = `finish upload of blob ${digest} to ${at.repository.name}`;
  const url = withDigest(upload, digest);
  await unlessThere(at, digest, call(at, { url, what, method: "PUT", expect: [201, 204], slow: true }));
}

/** The status of an upload. */
export interface UploadStatus {
  /** Bytes that the registry has. */
  readonly offset: number;
  /** The URL to continue at. */
  readonly location: URL;
}

/** Asks how far an upload is (spec, "Getting upload status"); undefined if the registry no longer knows it. */
export async function uploadStatus(at: Remote, upload: URL): Promise<UploadStatus | undefined> {
  const what = `ask for an upload to ${at.repository.name}`;
  const response = await call(at, {
    url: upload,
    what,
    method: "GET",
    expect: [204, 202, 200, 400, 404, 405, 416, 501],
  });
  if (response.status >= 300) return undefined;
  const range = /^(?:bytes=)?0-(\d+)$/.exec(String(response.headers["range"] ?? ""))?.[1];
  // "0-0" means either an empty upload or one of a single byte. Empty is far more likely, and safe to assume.
  const offset = range === undefined || range === "0" ? 0 : Number(range) + 1;
  return { offset, location: response.headers.location === undefined ? upload : location(at, response) };
}

/**
 * Whether blobs may be pushed to the repository: begins an upload, and cancels it.
 * @throws as a request does, but for a denial.
 */
export async function mayPush(at: Remote): Promise<boolean> {
  const what = `begin an upload to ${at.repository.name}`;
  const response = await call(at, { url: uploads(at), what, method: "POST", expect: [201, 202, 401, 403] });
  if (response.status >= 400) return false;
  await cancelUpload(at, location(at, response)).catch(() => {}); // the registry forgets it by itself
  return true;
}

/** Cancels an upload, so that the registry need not keep it. Failures are ignored. */
export async function cancelUpload(at: Remote, upload: URL): Promise<void> {
  const what = `cancel an upload to ${at.repository.name}`;
  await call(at, { url: upload, what, method: "DELETE", expect: [204, 202, 200, 400, 404, 405, 501] });
}

const octets = { "content-type": "application/octet-stream" };

function uploads(at: Remote): string {
  return `/v2/${at.repository.name}/blobs/uploads/`;
}

function call({ transport, ...at }: Remote, rest: Omit<Call, "repository" | "signal">): Promise<Response> {
  return transport.call({ ...at, ...rest });
}

/** `Location` may be relative. Its query belongs to the registry and is left unchanged. */
function location(at: Remote, response: Response): URL {
  const text = response.headers.location;
  if (typeof text === "string" && URL.canParse(text, response.url)) {
    const url = new URL(text, response.url);
    if (url.protocol === "https:" || url.origin === at.repository.origin) return url;
  }
  throw new RegistryError(at.repository.host, "upload", response.status, "", "the response has no usable Location");
}

function withDigest(url: URL, digest: Digest): URL {
  return new URL(`${url.href}${url.search ? "&" : "?"}digest=${encodeURIComponent(digest)}`);
}
