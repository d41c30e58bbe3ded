import { SourceError } from "../blobs/blob-copy.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { deleteTagged } from "../oci/delete-tagged.ts";
import type { Digest } from "../oci/digest.ts";
import { deleteTag, getManifest, headManifest } from "../oci/manifests.ts";
import { fallbackTag } from "../oci/referrers.ts";
import type { Remote } from "../oci/remote.ts";
import { attachmentLimits } from "../run/limits.ts";
import { findAttachments } from "./attachments.ts";
import { tagsOf } from "./lines.ts";
import type { ImageMirrorRun, LayerMirrorRun } from "./mirror-runs.ts";
import { deleteOrphans, deleteUnlessListed } from "./orphans.ts";
import type { Removal } from "./plan.ts";
import type { ImagesRun } from "./run.ts";
import type { PromotedParts } from "./store-parts.ts";
import { canonicalFirst, isMoving, movingStill } from "./tag-image.ts";
import { type Remains, readRemains } from "./tree.ts";

/**
 * Removes one digest, whose tags were removed before, from mirrors: its layers in S3 that nothing else needs, its attachments, the
 * manifests that it lists, itself. What another wanted digest of the image needs stays. Failures go to the run.
 *
 * Each thing is deleted before the manifest or tag that leads to it, so that the next run can resume a killed one.
 */
export async function removePromotedImage(removal: Removal, run: ImagesRun): Promise<void> {
  const { image, digest, mirrors, layerMirrors } = removal;
  const what = `${image}@${digest}`;
  const fail = (cause: unknown): void => {
    for (const name of [...mirrors, ...layerMirrors]) run.stepFailed(run.mirror(name), what, cause);
  };
  if (isMoving(image, digest, mirrors, run)) return fail(movingStill());
  let remains: Remains;
  let keep: ReadonlySet<Digest>;
  try {
    [remains, keep] = await Promise.all([findRemains(removal, run), run.keptIn(image)]);
  } catch (error) {
    run.context.signal.throwIfAborted();
    return fail(new SourceError(error));
  }
  await Promise.all(layerMirrors.map((name) => removeLayers(run.layerMirrors.get(name)!, removal, remains, run)));
  const doomed = remains.digests.filter((each) => !keep.has(each));
  const wanted = new Set(run.plan.wanted.get(image)?.keys());
  const wantedTags = tagsOf(run.plan.wanted.get(image));
  const remove = async (mirror: ImageMirrorRun) => {
    const waiting = [...(mirror.achieved.get(image)?.get(digest) ?? [])].filter((tag) => wantedTags.has(tag)).sort();
    if (waiting.length > 0) {
      const why = `kept, because its tag ${waiting.join(", ")} could not move to its new digest`;
      throw new SourceError(new Error(why));
    }
    const at = mirror.remote(image);
    const parts = mirror.store && (await partsOf(at, doomed, remains, run.dependencies.attachmentMemory));
    await removeAt(at, digest, doomed, keep);
    if (remains.lost.includes(digest)) {
      const others = [...(mirror.achieved.get(image)?.keys() ?? [])].filter(
        (other) => other !== digest && !wanted.has(other),
      );
      await deleteOrphans(at, keep, others);
    }
    // After the manifests: no client is told of a blob that is gone.
    await mirror.store?.forget(image, digest, parts);
    mirror.achieved.drop(image, digest);
    run.counts.removed++;
  };
  await canonicalFirst(mirrors, run, remove, what);
}

/** What a digest consists of, with what is attached to it; undefined: some of its manifests are lost, and with them the knowledge. */
async function partsOf(
  at: Remote,
  doomed: readonly Digest[],
  { digests, blobs, lost }: Remains,
  memory: WeightedSemaphore,
): Promise<PromotedParts | undefined> {
  if (lost.length > 0) return undefined;
  const attachments = await findAttachments(at, doomed, undefined);
  const blobsOf = async (digest: Digest) => (await getManifest(at, digest))?.blobs;
  const attached = await Promise.all(
    attachments.map(({ digest }) => memory.with(attachmentLimits.manifest, () => blobsOf(digest))),
  );
  if (attached.includes(undefined)) return undefined;
  return {
    manifests: [...digests, ...attachments.map(({ digest }) => digest)],
    blobs: [...blobs, ...attached.flatMap((own) => own!)].map(({ digest }) => digest),
  };
}

/** What the digest lists, from any source that still has it: a killed run may have removed some of it everywhere. */
function findRemains({ image, digest, mirrors }: Removal, run: ImagesRun): Promise<Remains> {
  const places = run.alive(mirrors).map((mirror) => mirror.remote(image));
  const staging = run.staging(image);
  return readRemains([...places, ...(staging ? [staging] : [])], digest);
}

async function removeLayers(
  mirror: LayerMirrorRun,
  { image, digest }: Removal,
  { blobs, lost }: Remains,
  run: ImagesRun,
): Promise<void> {
  if (mirror.givenUp !== undefined) return run.stepSkipped(mirror);
  const use = { project: run.request.project, image, digest };
  try {
    const layers = lost.length === 0 ? blobs.map((blob) => blob.digest) : await mirror.references.layersOf(use);
    await Promise.all(layers.map((layer) => mirror.references.drop(layer, use)));
    mirror.achieved.drop(image, digest);
    run.stepDone(mirror);
  } catch (error) {
    run.context.signal.throwIfAborted();
    run.stepFailed(mirror, `${image}@${digest}`, error);
  }
}

/** @param doomed the digest's manifests to delete, leaves first. */
async function removeAt(at: Remote, root: Digest, doomed: readonly Digest[], keep: ReadonlySet<Digest>): Promise<void> {
  if (doomed.length === 0) return; // a wanted index still lists it: only its tags were removed
  const attachments = await findAttachments(at, doomed, undefined);
  for (const { digest, tag } of attachments.toReversed()) {
    if (!keep.has(digest)) await deleteTagged(at, digest, tag);
    else if (tag !== undefined) await deleteTag(at, tag);
  }
  const subjects = [...doomed, ...attachments.map(({ digest }) => digest)];
  await Promise.all(subjects.map((subject) => deleteFallbackList(at, subject)));
  const children = doomed.filter((digest) => digest !== root);
  const refused: Digest[] = [];
  for (const child of children) if (!(await deleteUnlessListed(at, child))) refused.push(child);
  if (doomed.includes(root)) await deleteUnlessListed(at, root);
  // Google's registries delete what an index lists only after the index.
  for (const child of refused.toReversed()) await deleteUnlessListed(at, child);
}

/** The list of referrers that a registry without the referrers API keeps under a tag. */
async function deleteFallbackList(at: Remote, subject: Digest): Promise<void> {
  const list = await headManifest(at, fallbackTag(subject));
  if (list) await deleteTagged(at, list.digest, fallbackTag(subject));
}
