import { keyOfAttachedBlob, keyOfDigest, keyOfTag, writeKeys } from "../../../redirector/presence-format.ts";
import { type AttachmentReading, attachmentFacts, needsLayer } from "../../catalogue/attachment-facts.ts";
import type { ImageFacts } from "../../catalogue/formats.ts";
import { imageFacts, neededConfigs } from "../../catalogue/image-facts.ts";
import { type Attachment, findAttachments } from "../images/attachments.ts";
import { readTree } from "../images/tree.ts";
import { beginning, readBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";

/** Largest blob to read, bytes. Configs and signatures are a few kilobytes. */
const largestBlob = 1024 * 1024;

/** What the catalogue knows of a digest. */
export interface DescribedImage {
  readonly facts: ImageFacts;
  /** The keys of all that it consists of and of what is attached to it, for redirectors. */
  readonly keys: string;
}

/**
 * Reads the facts of a digest from the registry: platforms, sizes, age, and what is attached to it or to one of its platforms.
 * @param name of the image in production.
 * @param tags all tags of the repository; undefined if the list is not complete.
 * @throws AbsentError if the registry lacks the digest or something that it lists; otherwise the registry's error.
 */
export async function describeImage(
  at: Remote,
  name: string,
  digest: Digest,
  tags: TagList | undefined,
): Promise<DescribedImage> {
  const { root, manifests, blobs } = await readTree([at], digest);
  const manifest = jsonOf(root);
  const children = new Map(manifests.filter((one) => one !== root).map((child) => [child.digest, jsonOf(child)]));
  const reading = { digest, mediaType: root.mediaType, manifest, children };
  const configs = neededConfigs(reading).map(async (blob): Promise<[string, unknown][]> => {
    const json = await readJson(at, blob);
    return json === undefined ? [] : [[blob.digest, json]];
  });
  const facts = imageFacts({ ...reading, configs: new Map((await Promise.all(configs)).flat()) });
  const subjects = [...new Set([digest, ...facts.platforms.map((platform) => platform.digest)])];
  const { found, attached, attachments } = await readAttachments(at, subjects, tags);
  const keys = [
    ...[...manifests, ...blobs].map((part) => keyOfDigest(name, part.digest)),
    ...found.map((attachment) => keyOfDigest(name, attachment.digest)),
    ...found.flatMap(({ tag }) => (tag === undefined ? [] : [keyOfTag(name, tag)])),
    ...attached.flatMap((each) => each.blobs.map((blob) => keyOfAttachedBlob(name, blob.digest))),
  ];
  return {
    facts: { ...facts, ...attachmentFacts(digest, manifest, attachments, children) },
    keys: writeKeys(keys),
  };
}

async function readAttachments(
  at: Remote,
  subjects: readonly Digest[],
  tags: TagList | undefined,
): Promise<{
  readonly found: readonly Attachment[];
  /** The manifests of those that are attached to a subject directly. */
  readonly attached: readonly Manifest[];
  readonly attachments: AttachmentReading[];
}> {
  const manifests: Manifest[] = [];
  const found = await findAttachments(at, subjects, tags);
  const direct = found.filter(({ subject }) => subjects.includes(subject));
  const readings = direct.map(async ({ subject, tag, digest }): Promise<AttachmentReading[]> => {
    const attached = await getManifest(at, digest);
    if (attached === undefined) return []; // it was listed a moment ago and is being removed
    manifests.push(attached);
    const reading = { subject, ...(tag !== undefined && { tag }), manifest: jsonOf(attached) };
    const needed = needsLayer(reading);
    const layer = needed && (await readJson(at, needed));
    return [{ ...reading, ...(layer !== undefined && { layer }) }];
  });
  const attachments = (await Promise.all(readings)).flat();
  return { found, attached: manifests, attachments };
}

/** The manifest's JSON. It was parsed before, so it is valid. */
function jsonOf(manifest: Manifest): unknown {
  return JSON.parse(manifest.bytes.toString("utf8"));
}

/** A blob's JSON; undefined if the blob is too large or not JSON. */
async function readJson(at: Remote, blob: { digest: string; size: number }): Promise<unknown> {
  if (blob.size > largestBlob) return undefined;
  const chunks = await Array.fromAsync(readBlob([at], blob, beginning()));
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
