import { attachedTagPattern, subjectOfTag } from "../promotion/text/oci-grammar.ts";
import { foreignLocations } from "./foreign-locations.ts";
import { imagesFormat, plainImagesFormat, tagsFormat } from "./formats.ts";
import { digestPattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import { otherReading } from "./scalars.ts";
import type { Source } from "./source.ts";
import { validate } from "./validate.ts";
import { isNull, type Node, type ScalarNode, valueAt } from "./yaml/tree.ts";

/** An image with the nodes of the file that it was read from. */
export interface ReadImage {
  readonly source: Source;
  readonly name: ScalarNode;
  /** Its name in staging, if the file says one. */
  readonly from?: ScalarNode;
  readonly digests: readonly { readonly digest: ScalarNode; readonly tags: readonly ScalarNode[] }[];
}

/** The images of one file, as far as they can be read; adds problems of this file to `problems`. */
export function readImages(root: Node | undefined, source: Source, problems: Problem[]): ReadImage[] {
  // An empty file means that nothing is wanted; the removal guard protects against a mistake.
  if (root === undefined || isNull(root)) return [];
  const plain = root.kind === "map";
  const valid = validate(plain ? plainImagesFormat : imagesFormat, root, source, problems) !== undefined;
  if (plain) problems.push(...foreignLocations(root, source, "registries"));
  const list = plain ? valueAt(root, "images") : root;
  const images = list?.kind === "list" ? list.items.flatMap((item) => readImage(item, source, problems, valid)) : [];
  for (const image of images) addImageProblems(image, problems);
  return images;
}

function readImage(node: Node, source: Source, problems: Problem[], valid: boolean): ReadImage[] {
  const [name, from, dmap] = [valueAt(node, "name"), valueAt(node, "from"), valueAt(node, "dmap")];
  if (name?.kind !== "scalar") return [];
  const entries = dmap?.kind === "map" ? dmap.entries : [];
  // zod stops at a map's invalid key; its tags are checked here, so that all errors are reported at once.
  for (const { key, value } of valid ? [] : entries)
    if (!digestPattern.test(key.text)) validate(tagsFormat, value, source, problems, name.text);
  if (dmap?.kind === "map" && entries.length === 0)
    problems.push(
      source.problem("error", dmap.start, `image ${quoted(name.text)}: no digest in dmap: add one or remove the image`),
    );
  return [
    {
      source,
      name,
      ...(from?.kind === "scalar" ? { from } : {}),
      digests: entries.map(({ key, value }) => ({
        digest: key,
        tags: value.kind === "list" ? value.items.filter((tag) => tag.kind === "scalar") : [],
      })),
    },
  ];
}

function addImageProblems({ source, name, digests }: ReadImage, problems: Problem[]): void {
  const add = (severity: Problem["severity"], node: ScalarNode, message: string) =>
    problems.push(source.problem(severity, node.start, `image ${quoted(name.text)}: ${message}`));
  const unquoted = (node: ScalarNode, what: string) => {
    const other = otherReading(node);
    if (other !== undefined)
      add(
        "warning",
        node,
        `${what} ${node.text} is read as the text ${quoted(node.text)}, but by other YAML readers as ${other}: quote it`,
      );
  };
  unquoted(name, "name");
  const holders = new Map<string, { digest: ScalarNode; tag: ScalarNode }>();
  const folded = new Map<string, ScalarNode>();
  for (const { digest, tags } of digests) {
    for (const tag of tags) {
      unquoted(tag, "tag");
      const held = holders.get(tag.text);
      if (held === undefined) {
        holders.set(tag.text, { digest, tag });
        if (attachedTagPattern.test(tag.text))
          // In a registry it would not be a tag of the project's but the list of referrers, a signature, ... of that digest.
          add(
            digests.some((one) => one.digest.text === subjectOfTag(tag.text)) ? "error" : "warning",
            tag,
            `tag ${quoted(tag.text)} belongs to a signature or attestation: these travel with their digest, remove it`,
          );
        const lower = tag.text.toLowerCase();
        const alike = folded.get(lower);
        if (alike === undefined) folded.set(lower, tag);
        else
          add(
            "warning",
            tag,
            `tag ${quoted(tag.text)} differs from ${quoted(alike.text)} (line ${source.position(alike.start).line}) only in case`,
          );
      } else if (held.digest.text === digest.text)
        add("error", tag, `tag ${quoted(tag.text)} is listed twice for this digest: keep one`);
      else {
        const [there, here] = [source.position(held.tag.start).line, source.position(tag.start).line];
        const what = `tag ${quoted(tag.text)} is on two digests, in lines ${there} and ${here}: keep it on one`;
        add("error", held.tag, what);
        add("error", tag, what);
      }
    }
  }
}
