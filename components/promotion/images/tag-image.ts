import { SourceError } from "../blobs/blob-copy.ts";
import type { Digest } from "../oci/digest.ts";
import { deleteTag, getManifest, putManifest } from "../oci/manifests.ts";
import { subjectOfTag } from "../text/oci-grammar.ts";
import { conflictOf } from "./copy-image.ts";
import type { ImageMirrorRun } from "./mirror-runs.ts";
import type { Retag, Untag } from "./plan.ts";
import type { ImagesRun } from "./run.ts";
import { readTree } from "./tree.ts";

/** Tags a digest that the mirrors have; the canonical mirror first. Failures go to the run. */
export async function tagImage({ image, tag, digest, mirrors }: Retag, run: ImagesRun): Promise<void> {
  await canonicalFirst(
    mirrors,
    run,
    async (mirror) => {
      const at = mirror.remote(image);
      const now = await mirror.lookup(image).tag(tag);
      if (now !== digest) {
        const conflict = conflictOf(tag, now, image, mirror, run);
        if (conflict !== undefined) throw new Error(conflict);
        // The mirror's own copy first; another mirror's is the same, and repairs a mirror that has lost it.
        const others = run.alive(run.request.mirrors.map(({ name }) => name)).filter((other) => other !== mirror);
        const manifest =
          (await getManifest(at, digest)) ??
          (
            await readTree(
              others.map((other) => other.remote(image)),
              digest,
            )
          ).root;
        await putManifest(at, manifest, tag);
        run.counts.tagged++;
      }
      await mirror.store?.publish(at.repository.name);
      mirror.achieved.add(image, digest, tag);
    },
    `${image}:${tag}`,
  );
}

/** Removes a tag, in the canonical mirror first, unless it attaches something to a wanted digest. Failures go to the run. */
export async function untagImage({ image, tag, mirrors }: Untag, run: ImagesRun): Promise<void> {
  await canonicalFirst(
    mirrors,
    run,
    async (mirror) => {
      const digest = mirror.lastKnownTag(image, tag);
      if (digest !== undefined && isMoving(image, digest, mirrors, run)) throw movingStill();
      const subject = subjectOfTag(tag);
      const isAttached = subject !== undefined && (await run.keptIn(image)).has(subject);
      if (!isAttached) {
        await deleteTag(mirror.remote(image), tag);
        run.counts.untagged++;
      }
      mirror.achieved.dropTag(image, tag);
    },
    `${image}:${tag}`,
  );
}

/** Whether a digest is wanted under another image's name and not complete there in all of these mirrors: then it stays under the old name. */
export function isMoving(image: string, digest: Digest, mirrors: readonly string[], run: ImagesRun): boolean {
  for (const [other, digests] of run.plan.wanted) {
    if (other === image || !digests.has(digest)) continue;
    if (mirrors.some((name) => !run.mirrors.get(name)?.isComplete(other, digest))) return true;
  }
  return false;
}

/** Why a step is not done while {@link isMoving}. */
export function movingStill(): SourceError {
  return new SourceError(new Error("kept, because its copy under another name is not complete"));
}

/** Does a step in the canonical mirror, if it is among them, then in all others in parallel. Failures go to the run. */
export async function canonicalFirst(
  mirrors: readonly string[],
  run: ImagesRun,
  work: (mirror: ImageMirrorRun) => Promise<void>,
  what: string,
): Promise<void> {
  const [canonical] = run.mirrors.keys();
  for (const group of [mirrors.filter((name) => name === canonical), mirrors.filter((name) => name !== canonical)]) {
    await Promise.all(
      group.map(async (name) => {
        const mirror = run.mirrors.get(name)!;
        if (mirror.givenUp !== undefined) return run.stepSkipped(mirror);
        try {
          await work(mirror);
          run.stepDone(mirror);
        } catch (error) {
          run.context.signal.throwIfAborted();
          run.stepFailed(mirror, what, error);
        }
      }),
    );
  }
}
