import { appended, EditError, editText, inBraces, notInLines, plainOrQuoted, type Understanding } from "./edit.ts";
import { placeFor } from "./order.ts";
import { readImages } from "./read-images.ts";
import { indentBefore, insertAfter, insertBefore, lineEndOf, removeLines } from "./text-lines.ts";
import { entryAt, isNull, type ListNode, type MapNode, type Node, type ScalarNode, valueAt } from "./yaml/tree.ts";

/**
 * Adds a digest with tags to an image, or tags to an existing digest; adds the image if it is new. Everything else
 * keeps its position, comments, style and line ends. The text must be without errors. Throws EditError if a tag is on
 * another digest of the image, or for flow style.
 */
export function addDigest(text: string, image: string, digest: string, tags: readonly string[]): string {
  return editText(
    text,
    understanding,
    (images) => {
      const digests = images.get(image) ?? new Map<string, string[]>();
      images.set(image, digests.set(digest, [...new Set([...(digests.get(digest) ?? []), ...tags])]));
    },
    (content, root) => {
      const list = imagesOf(root);
      const item = list?.items.find((one) => nameOf(one) === image);
      if (item === undefined) return addImage(content, root, list, image, digest, tags);
      const dmap = dmapOf(content, item);
      for (const { key, value } of dmap.entries)
        for (const tag of tagsOf(value))
          if (key.text !== digest && tags.includes(tag.text))
            throw new EditError(`tag ${tag.text} of image ${image} is on ${key.text}`);
      const there = entryAt(dmap, digest);
      if (there === undefined) return addEntry(content, item, dmap, digest, tags);
      const missing = tags.filter((tag) => !tagsOf(there.value).some(({ text: known }) => known === tag));
      return missing.length === 0 || there.value.kind !== "list" ? content : addTags(content, there.value, missing);
    },
  );
}

/** Removes an image with all its digests. Throws EditError if it is not listed. */
export function removeImage(text: string, image: string): string {
  return editText(
    text,
    understanding,
    (images) => images.delete(image),
    (content, root) => withoutItem(content, root, image),
  );
}

/** Removes a digest with its tags; with the last digest, also the image. Throws EditError if it is not listed. */
export function removeDigest(text: string, image: string, digest: string): string {
  return editText(
    text,
    understanding,
    (images) => {
      images.get(image)?.delete(digest);
      if (images.get(image)?.size === 0) images.delete(image);
    },
    (content, root) => withoutDigest(content, root, image, digest),
  );
}

/**
 * Removes a tag. A digest without other tags is removed too, or kept without a tag if `keep`. Throws EditError if the
 * tag is not listed.
 */
export function removeTag(text: string, image: string, tag: string, keep = false): string {
  return editText(
    text,
    understanding,
    (images) => {
      for (const [digest, tags] of images.get(image) ?? []) {
        if (!tags.includes(tag)) continue;
        images.get(image)?.set(
          digest,
          tags.filter((one) => one !== tag),
        );
        if (tags.length === 1 && !keep) images.get(image)?.delete(digest);
      }
      if (images.get(image)?.size === 0) images.delete(image);
    },
    (content, root) => {
      const item = imagesOf(root)?.items.find((one) => nameOf(one) === image);
      const entry =
        item === undefined
          ? undefined
          : dmapOf(content, item).entries.find(({ value }) => tagsOf(value).some((one) => one.text === tag));
      if (entry?.value.kind !== "list") throw new EditError(`image ${image} has no tag ${tag}`);
      return tagsOf(entry.value).length === 1 && !keep
        ? withoutDigest(content, root, image, entry.key.text)
        : withoutTag(content, entry.value, tag);
    },
  );
}

type Model = Map<string, Map<string, string[]>>;

const understanding: Understanding<Model> = {
  read: (root, source) =>
    new Map(
      readImages(root, source, []).map((image) => [
        image.name.text,
        new Map(image.digests.map(({ digest, tags }) => [digest.text, tags.map(({ text }) => text)])),
      ]),
    ),
  describe: (images) =>
    [...images].flatMap(([image, digests]) =>
      [...digests].map(([digest, tags]) => `${image} ${digest} ${tags.toSorted().join(" ")}`),
    ),
};

/** The list of images in either format; undefined if there is none. */
function imagesOf(root: Node | undefined): ListNode | undefined {
  const list = root?.kind === "map" ? valueAt(root, "images") : root;
  return list?.kind === "list" ? list : undefined;
}

function nameOf(item: Node): string | undefined {
  const name = valueAt(item, "name");
  return name?.kind === "scalar" ? name.text : undefined;
}

function dmapOf(content: string, item: Node): MapNode {
  const dmap = valueAt(item, "dmap");
  if (dmap?.kind !== "map" || inBraces(content, dmap)) throw notInLines(content, dmap ?? item);
  return dmap;
}

function tagsOf(value: Node): ScalarNode[] {
  return value.kind === "list" ? value.items.filter((tag) => tag.kind === "scalar") : [];
}

/** Quotes a new text like its neighbour. A plain neighbour is not imitated, since the new text may need quotes. */
function quotedLike(content: string, neighbour: Node | undefined, text: string): string {
  return neighbour !== undefined && content.charAt(neighbour.start) === "'" ? `'${text}'` : `"${text}"`;
}

function addTags(content: string, value: ListNode, tags: readonly string[]): string {
  const last = value.items.at(-1);
  const written = tags.map((tag) => quotedLike(content, value.items[0], tag));
  if (!inBraces(content, value)) {
    const indent = indentBefore(content, value.start);
    if (indent === undefined || last === undefined) throw notInLines(content, value);
    return insertAfter(
      content,
      last.end,
      written.map((tag) => `${indent}- ${tag}`),
    );
  }
  if (last !== undefined)
    return content.slice(0, last.end) + written.map((tag) => `, ${tag}`).join("") + content.slice(last.end);
  return `${content.slice(0, value.start)}[${written.join(", ")}]${content.slice(value.end)}`;
}

function addEntry(content: string, item: Node, dmap: MapNode, digest: string, tags: readonly string[]): string {
  const place = placeFor(
    tags[0],
    dmap.entries.map(({ value }) => tagsOf(value)[0]?.text),
  );
  const neighbour = dmap.entries[Math.max(0, place - 1)];
  const before = place === 0 ? entryAt(item, "dmap")?.key : dmap.entries[place - 1]?.value;
  const indent = indentBefore(content, dmap.start);
  if (indent === undefined || before === undefined || neighbour === undefined) throw notInLines(content, dmap);
  return insertAfter(content, before.end, entryLines(content, indent, neighbour, digest, tags));
}

/** The lines of a digest in its neighbour's style: one line, or a line for each tag. */
function entryLines(
  content: string,
  indent: string,
  neighbour: { readonly key: ScalarNode; readonly value: Node },
  digest: string,
  tags: readonly string[],
): string[] {
  const key = quotedLike(content, neighbour.key, digest);
  const written = tags.map((tag) => quotedLike(content, tagsOf(neighbour.value)[0], tag));
  const nested = inBraces(content, neighbour.value) ? undefined : indentBefore(content, neighbour.value.start);
  if (nested !== undefined && tags.length > 0)
    return [`${indent}${key}:`, ...written.map((tag) => `${nested}- ${tag}`)];
  const padding = content.charAt(neighbour.value.start + 1) === " " && tags.length > 0 ? " " : "";
  return [`${indent}${key}: [${padding}${written.join(", ")}${padding}]`];
}

function addImage(
  content: string,
  root: Node | undefined,
  list: ListNode | undefined,
  image: string,
  digest: string,
  tags: readonly string[],
): string {
  const [first] = list?.items ?? [];
  if (list === undefined || first === undefined) return addFirstImage(content, root, list, image, digest, tags);
  const dashes = indentBefore(content, list.start);
  if (inBraces(content, list) || dashes === undefined) throw notInLines(content, list);
  const names = list.items.map(nameOf);
  const place = names.every((name, index) => index === 0 || (names[index - 1] ?? "") < (name ?? ""))
    ? names.findIndex((name) => (name ?? "") > image)
    : -1;
  const neighbour = list.items[place === -1 ? list.items.length - 1 : Math.max(0, place - 1)] ?? first;
  const lines = imageLines(content, dashes, neighbour, image, digest, tags);
  if (place === 0) return insertBefore(content, aboveComments(content, list.start), lines);
  return insertAfter(content, neighbour.end, lines);
}

function imageLines(
  content: string,
  dashes: string,
  neighbour: Node,
  image: string,
  digest: string,
  tags: readonly string[],
): string[] {
  const lineStart = content.lastIndexOf("\n", neighbour.start - 1) + 1;
  const lead = content.slice(lineStart, neighbour.start);
  const dmap = dmapOf(content, neighbour);
  const nested = indentBefore(content, dmap.start);
  const [entry] = dmap.entries;
  if (!/^ *- +$/.test(lead) || nested === undefined || entry === undefined) throw notInLines(content, neighbour);
  const name = valueAt(neighbour, "name");
  const written =
    name !== undefined && /["']/.test(content.charAt(name.start))
      ? quotedLike(content, name, image)
      : plainOrQuoted(image);
  return [
    `${dashes}${lead.trimStart()}name: ${written}`,
    `${" ".repeat(lead.length)}dmap:`,
    ...entryLines(content, nested, entry, digest, tags),
  ];
}

/** Adds the first image to an empty manifest. */
function addFirstImage(
  content: string,
  root: Node | undefined,
  list: ListNode | undefined,
  image: string,
  digest: string,
  tags: readonly string[],
): string {
  const lines = [
    `- name: ${plainOrQuoted(image)}`,
    "  dmap:",
    `    "${digest}": [${tags.map((tag) => `"${tag}"`).join(", ")}]`,
  ];
  const empty = list ?? (root?.kind === "map" ? valueAt(root, "images") : root);
  if (empty === undefined) return appended(content, lines);
  if (empty.kind !== "list" && !isNull(empty)) throw notInLines(content, empty);
  const without = content.slice(0, empty.start).replace(/ +$/, "") + content.slice(empty.end);
  return root?.kind === "map"
    ? insertAfter(without, Math.max(0, empty.start - 1), lines)
    : content.slice(0, empty.start) + lines.join(lineEndOf(content)) + content.slice(empty.end);
}

/** The start of the comment lines directly above a line, except at the start of the text, where they describe the whole file. */
function aboveComments(content: string, offset: number): number {
  let start = content.lastIndexOf("\n", offset - 1) + 1;
  const own = start;
  for (;;) {
    if (start === 0) return own;
    const above = content.lastIndexOf("\n", start - 2) + 1;
    if (!/^ *#/.test(content.slice(above, start))) return start;
    start = above;
  }
}

function withoutItem(content: string, root: Node | undefined, image: string): string {
  const list = imagesOf(root);
  const item = list?.items.find((one) => nameOf(one) === image);
  if (list === undefined || item === undefined) throw new EditError(`there is no image ${image}`);
  if (inBraces(content, list)) throw notInLines(content, list);
  return emptied(removeLines(content, item.start, item.end), root, list);
}

/** A list that lost its last item becomes `[]` where its key needs a value. */
function emptied(content: string, root: Node | undefined, list: ListNode): string {
  const key = root?.kind === "map" ? entryAt(root, "images")?.key : undefined;
  if (list.items.length > 1 || key === undefined) return content;
  return `${content.slice(0, key.end)}: []${content.slice(key.end + 1)}`;
}

function withoutDigest(content: string, root: Node | undefined, image: string, digest: string): string {
  const item = imagesOf(root)?.items.find((one) => nameOf(one) === image);
  const dmap = item === undefined ? undefined : dmapOf(content, item);
  const entry = dmap === undefined ? undefined : entryAt(dmap, digest);
  if (dmap === undefined || entry === undefined) throw new EditError(`image ${image} has no digest ${digest}`);
  return dmap.entries.length === 1
    ? withoutItem(content, root, image)
    : removeLines(content, entry.key.start, entry.value.end);
}

function withoutTag(content: string, value: ListNode, tag: string): string {
  const place = value.items.findIndex((one) => one.kind === "scalar" && one.text === tag);
  const [before, one, after] = [value.items[place - 1], value.items[place], value.items[place + 1]];
  if (one === undefined) throw new EditError(`there is no tag ${tag}`);
  if (!inBraces(content, value)) {
    if (value.items.length > 1) return removeLines(content, one.start, one.end);
    // The last item of a block list: the key gets an empty list.
    const lineStart = content.lastIndexOf("\n", value.start - 1);
    const key = content.slice(0, lineStart).replace(/\r$/, "");
    const newline = content.indexOf("\n", one.end);
    return `${key} []${newline === -1 ? "" : content.slice(newline - (content.charAt(newline - 1) === "\r" ? 1 : 0))}`;
  }
  if (after !== undefined) return content.slice(0, one.start) + content.slice(after.start);
  if (before !== undefined) return content.slice(0, before.end) + content.slice(one.end);
  return `${content.slice(0, value.start)}[]${content.slice(value.end)}`;
}
