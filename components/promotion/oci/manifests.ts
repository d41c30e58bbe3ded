import { randomUUID } from "node:crypto";
import { pause } from "../http/host.ts";
import { type Digest, digestOf, isDigest } from "./digest.ts";
import { RegistryError, WrongContentError } from "./errors.ts";
import { acceptedManifests, largestManifest, type Manifest, ociIndex, readManifest } from "./manifest.ts";
import type { Remote } from "./remote.ts";

/** What a registry reports about a manifest without its content. */
export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  /** If the registry sends one: identifies this state of the tag in a conditional request (RFC 9110, 8.8.3). */
  readonly etag?: string;
}

const accept = { accept: acceptedManifests };

/**
 * Fetches a manifest by digest; undefined if the repository does not have it.
 * @param limit bytes that it may have.
 * @throws WrongContentError for other bytes, or more of them.
 */
export async function getManifest(
  at: Remote,
  digest: Digest,
  limit: number = largestManifest,
): Promise<Manifest | undefined> {
  const response = await at.transport.call({
    ...base(at, digest, `read manifest ${digest}`),
    method: "GET",
    headers: accept,
    expect: [200, 404],
    limit,
  });
  if (response.status === 404) return undefined;
  return readManifest(response.body, digest, response.headers["content-type"] ?? "");
}

/** Looks up a manifest by tag or digest; undefined if it does not exist. */
export async function headManifest(at: Remote, reference: string): Promise<ManifestHead | undefined> {
  const what = `ask for ${reference}`;
  const response = await at.transport.call({
    ...base(at, reference, what),
    method: "HEAD",
    headers: accept,
    expect: [200, 404],
  });
  if (response.status === 404) return undefined;
  const mediaType = response.headers["content-type"] ?? "";
  const digest = response.headers["docker-content-digest"];
  const { etag } = response.headers;
  const tagged = etag === undefined ? {} : { etag };
  if (typeof digest === "string" && isDigest(digest)) return { digest, mediaType, ...tagged };
  if (isDigest(reference)) return { digest: reference, mediaType, ...tagged };
  // The header is only a SHOULD (distribution spec, "Pulling manifests"); without it the content is hashed.
  const whole = await at.transport.call({
    ...base(at, reference, what),
    method: "GET",
    headers: accept,
    expect: [200, 404],
    limit: largestManifest,
  });
  return whole.status === 404 ? undefined : { digest: digestOf(whole.body), mediaType };
}

/**
 * Stores a manifest under its digest or a tag, and verifies the digest that the registry reports.
 * @param ifMatch the ETag that the tag must still have: a registry with conditional requests responds 412 if it has another.
 * @returns whether the registry itself maintains the list of referrers of the manifest's subject (`OCI-Subject`).
 */
export async function putManifest(
  at: Remote,
  manifest: Manifest,
  tag?: string,
  ifMatch?: string,
): Promise<{ subjectKnown: boolean }> {
  const reference = tag ?? manifest.digest;
  const put = () =>
    at.transport.call({
      ...base(at, reference, `write manifest ${tag === undefined ? "" : `${tag} `}${manifest.digest}`),
      method: "PUT",
      headers: { "content-type": manifest.mediaType, ...(ifMatch !== undefined && { "if-match": ifMatch }) },
      body: manifest.bytes,
      expect: [201, 200],
    });
  const response = await despiteHalfWritten(at, put);
  const stored = response.headers["docker-content-digest"] ?? (await headManifest(at, reference))?.digest;
  if (stored !== manifest.digest) {
    throw new WrongContentError(`${at.repository.host} stored ${manifest.digest} as ${String(stored)}`);
  }
  return { subjectKnown: response.headers["oci-subject"] !== undefined };
}

/**
 * Distribution 2 says DIGEST_INVALID of a manifest whose child another request is writing just now: it reads half a file. The manifest's own digest was
 * verified when it was read.
 */
async function despiteHalfWritten<T>(at: Remote, put: () => Promise<T>): Promise<T> {
  for (const ms of [20, 100, 500]) {
    try {
      return await put();
    } catch (error) {
      if (!isInvalidDigest(error)) throw error;
      await pause(ms, at.signal);
    }
  }
  return await put();
}

/**
 * Deletes a tag; its digest stays. Succeeds if it does not exist. Registries that know digests only (distribution 2, which refuses tags with 400
 * DIGEST_INVALID) lose a tag with its digest: there the tag is put on an empty index of its own, which clients may see for a moment, and that is deleted.
 * @throws RegistryError
 */
export async function deleteTag(at: Remote, tag: string): Promise<void> {
  try {
    await deleteManifest(at, tag);
  } catch (error) {
    // Not where deletion is switched off (405 UNSUPPORTED): what is put there would stay.
    if (!isInvalidDigest(error)) throw error;
    if ((await headManifest(at, tag)) === undefined) return;
    const annotations = { "dev.artifacts.removed": randomUUID() }; // so that nothing else has the digest
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [], annotations };
    const bytes = Buffer.from(JSON.stringify(index));
    const digest = digestOf(bytes);
    await putManifest(at, { digest, mediaType: ociIndex, bytes, children: [], blobs: [], foreign: [] }, tag);
    await deleteManifest(at, digest);
  }
}

/**
 * Deletes a manifest with all its tags, or, where the registry can, a tag. Succeeds if it does not exist.
 * @throws RegistryError, e.g. where deletion is switched off (405), or Google's 400 for what something else refers to.
 */
export async function deleteManifest(at: Remote, reference: string): Promise<void> {
  await at.transport.call({
    ...base(at, reference, `delete ${reference}`),
    method: "DELETE",
    expect: [202, 200, 204, 404],
  });
}

function isInvalidDigest(error: unknown): boolean {
  return error instanceof RegistryError && error.code === "DIGEST_INVALID";
}

function base({ transport: _, ...at }: Remote, reference: string, what: string) {
  return { ...at, url: `/v2/${at.repository.name}/manifests/${reference}`, what: `${what} in ${at.repository.name}` };
}
