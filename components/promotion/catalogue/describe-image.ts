import { type AttachmentReading, attachmentFacts, needsLayer } from "../../catalogue/attachment-facts.ts";
import type { ImageFacts } from "../../catalogue/formats.ts";
import { imageFacts, neededConfigs } from "../../catalogue/image-facts.ts";
import { findAttachments } from "../images/attachments.ts";
import { readTree } from "../images/tree.ts";
import { beginning, readBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";

/** Configs and signatures are a few kilobytes; what is larger is not read for the sake of a catalogue. */
const largestBlob = 1024 * 1024;

/**
 * Reads what the catalogue says of a digest: its platforms, sizes and age, and what is attached to it or to one of its platforms.
 * @param tags the repository's tags, if they are known completely.
 * @throws AbsentError if the registry does not have the digest with all that it lists, or a failure of the registry.
 */
export async function describeImage(at: Remote, digest: Digest, tags: TagList | undefined): Promise<ImageFacts> {
  const { root, manifests } = await readTree([at], digest);
  const manifest = jsonOf(root);
  const children = new Map(manifests.filter((one) => one !== root).map((child) => [child.digest, jsonOf(child)]));
  const reading = { digest, mediaType: root.mediaType, manifest, children };
  const configs = neededConfigs(reading).map(async (blob): Promise<[string, unknown][]> => {
    const json = await readJson(at, blob);
    return json === undefined ? [] : [[blob.digest, json]];
  });
  const facts = imageFacts({ ...reading, configs: new Map((await Promise.all(configs)).flat()) });
  const subjects = [...new Set([digest, ...facts.platforms.map((platform) => platform.digest)])];
  const attachments = await readAttachments(at, subjects, tags);
  return { ...facts, ...attachmentFacts(digest, manifest, attachments, children) };
}

async function readAttachments(
  at: Remote,
  subjects: readonly Digest[],
  tags: TagList | undefined,
): Promise<AttachmentReading[]> {
  const found = await findAttachments(at, subjects, tags);
  const direct = found.filter(({ subject }) => subjects.includes(subject));
  const readings = direct.map(async ({ subject, tag, digest }): Promise<AttachmentReading[]> => {
    const attached = await getManifest(at, digest);
    if (attached === undefined) return []; // listed a moment ago: it is being taken back
    const reading = { subject, ...(tag !== undefined && { tag }), manifest: jsonOf(attached) };
    const needed = needsLayer(reading);
    const layer = needed && (await readJson(at, needed));
    return [{ ...reading, ...(layer !== undefined && { layer }) }];
  });
  return (await Promise.all(readings)).flat();
}

/** The manifest's JSON: it has been read once already, so it is some. */
function jsonOf(manifest: Manifest): unknown {
  return JSON.parse(manifest.bytes.toString("utf8"));
}

/** A small blob's JSON; undefined for what is large or none. */
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
