import { type Images, tagsOf } from "./lines.ts";

/**
 * How many of the references that clients can pull (`image:tag`, `image@digest`) would be removed. A digest whose tags have all moved to
 * other digests, as those of a `latest` do, does not count as removed.
 * @param withdrawn references that are removed on purpose, which do not count as removed. A digest's tags are withdrawn with it.
 * @param states the distinct last known contents of mirrors.
 */
export function countRemovals(
  wanted: Images,
  states: Iterable<Images>,
  withdrawn: ReadonlySet<string> = new Set(),
): { removing: number; present: number } {
  const present = new Set<string>();
  const removing = new Set<string>();
  for (const images of states) {
    for (const [image, digests] of images) {
      const wantedTags = tagsOf(wanted.get(image));
      for (const [digest, tags] of digests) {
        present.add(`${image}@${digest}`);
        const superseded = tags.size > 0 && [...tags].every((tag) => wantedTags.has(tag));
        if (!wanted.get(image)?.has(digest) && !superseded) removing.add(`${image}@${digest}`);
        for (const tag of tags) {
          present.add(`${image}:${tag}`);
          if (!wantedTags.has(tag) && !withdrawn.has(`${image}@${digest}`)) removing.add(`${image}:${tag}`);
        }
      }
    }
  }
  return {
    removing: [...removing].filter((reference) => !withdrawn.has(reference)).length,
    present: present.size,
  };
}
