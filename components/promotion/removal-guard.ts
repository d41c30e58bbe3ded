import { type Images, tagsOf } from "./image-lines.ts";
import type { ImagesRequest } from "./request.ts";

/**
 * Whether a run would take more out of production than the project allows: undefined, or the reason to stop, which says how to
 * confirm. What counts is what clients can ask for, `image:tag` and `image@digest`; a digest whose tags have all moved on to
 * others, as those of a `latest` do, is not counted as removed.
 * @param held what each mirror is believed to hold.
 */
export function guardRemoval(
  { project, removalShare }: Pick<ImagesRequest, "project" | "removalShare">,
  wanted: Images,
  held: Iterable<Images>,
): string | undefined {
  const before = new Set<string>();
  const removed = new Set<string>();
  for (const images of held) {
    for (const [image, digests] of images) {
      const wantedTags = tagsOf(wanted.get(image));
      for (const [digest, tags] of digests) {
        before.add(`${image}@${digest}`);
        const superseded = tags.size > 0 && [...tags].every((tag) => wantedTags.has(tag));
        if (!wanted.get(image)?.has(digest) && !superseded) removed.add(`${image}@${digest}`);
        for (const tag of tags) {
          before.add(`${image}:${tag}`);
          if (!wantedTags.has(tag)) removed.add(`${image}:${tag}`);
        }
      }
    }
  }
  if (removed.size <= removalShare * before.size) return undefined;
  return `${project}: ${removalWarning(removed.size, before.size, "tags and digests", removalShare)}`;
}

/** The sentence that stops a removal which is too large; also for files. */
export function removalWarning(removed: number, before: number, things: string, allowed: number): string {
  const share = removed / before;
  const rounded = Math.min(1, Math.ceil(share * 100) / 100);
  return (
    `this would remove ${removed} of ${before} ${things} from production (${Math.round(share * 100)}%); project.yaml allows ` +
    `removalShare: ${allowed}. If it is meant, set removalShare: ${rounded} there in the same change`
  );
}
