import { keyOfAttachedBlob, keyOfDigest, keyOfTag, writeKeys } from "../../../redirector/presence-format.ts";
import { type AttachmentReading, attachmentFacts, needsBundle } from "../../catalogue/attachment-facts.ts";
import type { ImageFacts } from "../../catalogue/formats.ts";
import { imageFacts, neededConfigs } from "../../catalogue/image-facts.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { readTree } from "../images/tree.ts";
import { getBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";
import { largestBundle } from "../trust/verify-bundle.ts";
import { type AttachedContent, claimsOf, readAttached } from "./attached-content.ts";

type Verification = NonNullable<ImageFacts["verification"]>;

/** Largest image config to read, bytes. They have a few kilobytes. */
const largestConfig = 1024 * 1024;

/** What the catalogue knows of a digest. */
export interface DescribedImage {
  readonly facts: ImageFacts;
  /** The keys of all that it consists of and of what is attached to it, for redirectors. */
  readonly keys: string;
  /** What was verified, if that was asked for: it has ended, and may have failed. */
  readonly verification?: Promise<Verification>;
}

/**
 * Reads the facts of a digest from the registry: platforms, sizes, age, and what is attached to it or to one of its platforms.
 * @param name of the image in production.
 * @param tags all tags of the repository; undefined if the list is not complete.
 * @param memory bytes of OCI manifests and bundles of attachments that are being read, in the whole process.
 * @param verify verifies what is attached; undefined: nothing is verified.
 * @throws AbsentError if the registry lacks the digest or something that it lists; otherwise the registry's error.
 */
export async function describeImage(
  at: Remote,
  name: string,
  digest: Digest,
  tags: TagList | undefined,
  memory: WeightedSemaphore,
  verify: ((attached: AttachedContent) => Promise<Verification>) | undefined,
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
  const attached = await readAttached(at, subjects, tags, memory);
  // First, because it reads the bundles, of which the description says what they claim.
  const verification = verify?.(attached);
  await Promise.allSettled([verification]);
  const attachments = await readings(at, subjects, attached, memory);
  const { found, manifests: attachedManifests } = attached;
  const keys = [
    ...[...manifests, ...blobs].map((part) => keyOfDigest(name, part.digest)),
    ...found.map((attachment) => keyOfDigest(name, attachment.digest)),
    ...found.flatMap(({ tag }) => (tag === undefined ? [] : [keyOfTag(name, tag)])),
    ...[...attachedManifests.values()].flatMap(({ blobs: own }) =>
      own.map((blob) => keyOfAttachedBlob(name, blob.digest)),
    ),
  ];
  return {
    facts: { ...facts, ...attachmentFacts(digest, manifest, attachments, children) },
    keys: writeKeys(keys),
    ...(verification && { verification }),
  };
}

/** What the catalogue reads of attachments. */
async function readings(
  at: Remote,
  subjects: readonly Digest[],
  attached: AttachedContent,
  memory: WeightedSemaphore,
): Promise<AttachmentReading[]> {
  const direct = attached.found.filter(({ subject }) => subjects.includes(subject));
  const all = direct.map(async ({ subject, tag, digest }): Promise<AttachmentReading[]> => {
    const manifest = attached.manifests.get(digest);
    if (manifest === undefined) return [];
    const reading = { subject, ...(tag !== undefined && { tag }), manifest: jsonOf(manifest) };
    const bundle = needsBundle(reading);
    if (bundle === undefined || bundle.size > largestBundle) return [reading];
    return [{ ...reading, bundle: await claimsOf(at, bundle, attached, memory) }];
  });
  return (await Promise.all(all)).flat();
}

/** The manifest's JSON. It was parsed before, so it is valid. */
function jsonOf(manifest: Manifest): unknown {
  return JSON.parse(manifest.bytes.toString("utf8"));
}

/** A config's JSON; undefined if it is too large or not JSON. */
async function readJson(at: Remote, blob: { digest: string; size: number }): Promise<unknown> {
  if (blob.size > largestConfig) return undefined;
  const bytes = await getBlob([at], blob, Buffer.alloc(blob.size));
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
