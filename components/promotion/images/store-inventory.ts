import { imageName, layersFolder } from "../../../redirector/object-paths.ts";
import type { Digest } from "../oci/digest.ts";
import { fallbackTag } from "../oci/referrers.ts";
import type { ImagesRequest } from "../run/request.ts";
import { settleAll } from "../run/settle-all.ts";
import type { StoreAddress } from "../run/store-address.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import { subjectOfTag } from "../text/oci-grammar.ts";
import { type Attachment, findAttachments } from "./attachments.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Holding } from "./holding.ts";
import { readReferences, referencesPrefix } from "./layer-references.ts";
import { addImage, type Images, type ImagesBuilder } from "./lines.ts";
import { mirrorRemote } from "./mirror-remote.ts";
import { partsPrefix, readParts } from "./store-parts.ts";

/** What a bucket that is an image mirror has of a project. */
export interface StoreInventory {
  /** Of each wanted image. */
  readonly holdings: ReadonlyMap<string, Holding>;
  /** What a killed run left of digests that are not wanted. */
  readonly left: Images;
}

/**
 * Reads what a bucket has of a project from listings: of the records, of the blobs, and of each image's objects. A digest is incomplete if
 * its record names a manifest or blob that is not there, or if the image's published lists are not those of its objects.
 */
export async function readStore(
  request: ImagesRequest,
  mirror: string,
  address: StoreAddress,
  wanted: Images,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<StoreInventory> {
  const { bucket, registry } = dependencies.store(request.storage, address);
  const keys = (prefix: string) =>
    dependencies.keys(bucket, prefix, signal).catch((error: unknown): readonly string[] => {
      if (error instanceof BucketAbsent) return []; // a lost bucket; the next run fills the new one
      throw error;
    });
  const [blobKeys, referenceKeys, partKeys] = await Promise.all([
    keys(layersFolder),
    keys(referencesPrefix),
    keys(`${partsPrefix}${request.project}/`),
  ]);
  const blobs = new Set(blobKeys.map((key) => key.slice(layersFolder.length)));
  const blobsOf = Map.groupBy(readReferences(referenceKeys).get(request.project) ?? [], ({ use }) => use);
  const manifestsOf = readParts(partKeys, request.project);
  const recorded = new Map<string, Set<Digest>>();
  for (const use of [...blobsOf.keys(), ...manifestsOf.keys()]) {
    const [image, digest] = use.split("@") as [string, string];
    const digests = recorded.get(image) ?? new Set();
    recorded.set(image, digests.add(digest));
  }
  const holdings = new Map<string, Holding>();
  const left: ImagesBuilder = new Map();
  await settleAll(
    [...new Set([...wanted.keys(), ...recorded.keys()])].map(async (image) => {
      const name = imageName(request.prefix, image);
      const { manifests, tags, isStale } = await registry.look(name, signal);
      const wants = wanted.get(image);
      const digests = new Map<Digest, Set<string>>();
      // One that is only recorded too: a run was killed before it had removed, or added, all of it.
      const isHere = (digest: Digest) => manifests.has(digest) || recorded.get(image)?.has(digest) === true;
      for (const digest of wants?.keys() ?? []) if (isHere(digest)) digests.set(digest, new Set());
      const attached: Attachment[] = [];
      const wantedTags = new Set([...(wants?.values() ?? [])].flatMap((each) => [...each]));
      for (const [tag, digest] of tags) {
        const subject = wantedTags.has(tag) ? undefined : subjectOfTag(tag);
        if (subject === undefined || !manifests.has(subject))
          digests.set(digest, (digests.get(digest) ?? new Set()).add(tag));
        else if (tag.includes(".")) attached.push({ tag, digest, subject });
      }
      for (const digest of recorded.get(image) ?? []) {
        if (wants?.has(digest)) continue;
        addImage(left, image, digest);
        for (const tag of digests.get(digest) ?? []) addImage(left, image, digest, tag);
      }
      if (!wants) return;
      const isWhole = (digest: Digest): boolean => {
        const use = `${image}@${digest}`;
        const parts = manifestsOf.get(use);
        if (!parts?.every((part) => manifests.has(part))) return false;
        return (blobsOf.get(use) ?? []).every(({ layer }) => blobs.has(layer));
      };
      const at = mirrorRemote(dependencies, request.storage, mirror, name, signal);
      const list = { tags: [...tags.keys()], manifests: undefined, children: [], unknown: false, truncated: false };
      const subjects = [...manifests].filter((digest) => tags.has(fallbackTag(digest)));
      if (subjects.length > 0) attached.push(...(await findAttachments(at, subjects, list)));
      const tagged = new Set(tags.values());
      holdings.set(image, {
        at,
        digests,
        incomplete: [...wants.keys()].filter((digest) => isHere(digest) && (isStale || !isWhole(digest))),
        attached,
        showsReferrers: true,
        listed: { all: manifests, untagged: new Set([...manifests].filter((digest) => !tagged.has(digest))) },
      });
    }),
  );
  return { holdings, left };
}
