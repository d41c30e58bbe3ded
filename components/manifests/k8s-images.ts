import { countOf } from "../promotion/text/count-of.ts";
import { plainOrQuoted } from "./edit.ts";
import { digestFault, digestPattern, imageFault, imagePattern, tagFault, tagPattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { commentsAbove } from "./text-lines.ts";
import { isNull, type Node, type ScalarNode, valueAt } from "./yaml/tree.ts";

/** The images of one project of k8s.io, by what its list means. */
export interface K8sImages {
  /** In the order of the list; only those with a digest. */
  readonly images: ReadonlyMap<string, ReadonlyMap<string, K8sDigest>>;
  /** A text of ours with this meaning: the list as it stands, if it is one. */
  readonly text: string;
}

/** A digest with its tags and the comments that stand above it. */
export interface K8sDigest {
  readonly tags: ReadonlySet<string>;
  readonly comments: readonly string[];
}

/**
 * Reads a list of images as kpromo does: an image that is listed several times has all of its digests, and `dmap` without digests promotes
 * nothing. What differs from our spelling but not in meaning is one warning; a digest, tag or name that no registry has is left out, with a
 * warning of its own, as nobody can pull it. A tag on two digests is an error: one of the two is not what clients get.
 */
export function readK8sImages(root: Node | undefined, source: Source, problems: Problem[]): K8sImages {
  const images = new Map<string, Map<string, { tags: Set<string>; comments: string[] }>>();
  const holders = new Map<string, ScalarNode>();
  let [again, empty, repeated] = [0, 0, 0];
  // Whether the text has a meaning for kpromo that it does not have here.
  let altered = root?.kind === "map";
  const repeatedNames = new Set<string>();
  const leaveOut = (node: Node, fault: string) => {
    altered = true;
    problems.push(source.problem("warning", node.start, `left out, as nobody can pull it: ${fault}`));
  };

  const list = root?.kind === "map" ? valueAt(root, "images") : root;
  if (list !== undefined && list.kind !== "list" && !isNull(list))
    problems.push(source.problem("error", list.start, "not imported: the images must be a list"));
  for (const item of list?.kind === "list" ? list.items : []) {
    const [name, dmap] = [valueAt(item, "name"), valueAt(item, "dmap")];
    if (item.kind !== "map" || item.entries.length !== 2) altered = true;
    if (name?.kind !== "scalar" || !imagePattern.test(name.text)) {
      leaveOut(name ?? item, name?.kind === "scalar" ? imageFault(name.text) : "an image without a name");
      continue;
    }
    const entries = dmap?.kind === "map" ? dmap.entries : [];
    if (entries.length === 0) {
      empty++;
      continue;
    }
    const known = images.get(name.text);
    if (known !== undefined) {
      again++;
      repeatedNames.add(name.text);
    }
    const digests = known ?? new Map<string, { tags: Set<string>; comments: string[] }>();
    images.set(name.text, digests);
    entries.forEach(({ key, value }, index) => {
      if (!digestPattern.test(key.text)) {
        leaveOut(key, `image ${quoted(name.text)}: ${digestFault(key.text)}`);
        return;
      }
      const comments = [
        ...(index === 0 ? commentsAbove(source.text, item.start) : []),
        ...commentsAbove(source.text, key.start),
      ];
      const digest = digests.get(key.text);
      if (digest !== undefined) repeated++;
      if (value.kind !== "list") altered = true;
      const { tags } = digest ?? { tags: new Set<string>() };
      digests.set(key.text, { tags, comments: [...(digest?.comments ?? []), ...comments] });
      for (const tag of value.kind === "list" ? value.items : isNull(value) ? [] : [value]) {
        if (tag.kind !== "scalar" || value.kind !== "list" || !tagPattern.test(tag.text)) {
          leaveOut(
            tag,
            `image ${quoted(name.text)}: ${tag.kind === "scalar" && value.kind === "list" ? tagFault(tag.text) : "tags are a list of texts"}`,
          );
          continue;
        }
        const held = holders.get(`${name.text}:${tag.text}`);
        if (held === undefined) holders.set(`${name.text}:${tag.text}`, key);
        else if (held.text !== key.text) {
          altered = true;
          problems.push(
            source.problem(
              "error",
              tag.start,
              `image ${quoted(name.text)}: tag ${quoted(tag.text)} is on ${held.text} (line ${source.position(held.start).line}) and on ${key.text}: the first is imported`,
            ),
          );
          continue;
        } else if (tags.has(tag.text)) {
          repeated++;
          continue;
        }
        tags.add(tag.text);
      }
    });
  }
  for (const [name, digests] of images) if (digests.size === 0) images.delete(name);
  const merged = [
    again === 0 ? "" : `${countOf(repeatedNames.size, "name")} repeated ${countOf(again, "time")}, merged`,
    repeated === 0 ? "" : `${countOf(repeated, "repetition")} of a digest or tag`,
    empty === 0 ? "" : `${countOf(empty, "image")} without digests, passed over`,
  ].filter((part) => part !== "");
  if (merged.length > 0) problems.push(source.problem("warning", 0, `means the same: ${merged.join("; ")}`));
  // A list that is valid here stays as it stands, comments and all.
  return { images, text: altered || merged.length > 0 ? imagesText(images) : source.original };
}

/** A list of images as a text. */
export function imagesText(images: K8sImages["images"]): string {
  if (images.size === 0) return "[]\n";
  return [...images]
    .map(([name, digests]) => {
      const lines = [...digests].flatMap(([digest, { tags, comments }]) => [
        ...comments.map((comment) => `    ${comment}\n`),
        `    "${digest}": [${[...tags].map((tag) => JSON.stringify(tag)).join(", ")}]\n`,
      ]);
      return `- name: ${plainOrQuoted(name)}\n  dmap:\n${lines.join("")}`;
    })
    .join("");
}
