import { type Digest, isDigest } from "../oci/digest.ts";
import { joinLines } from "../text/join-lines.ts";
import { digestSource, tagSource } from "../text/oci-grammar.ts";

/** The digests of each image, and the tags of each digest. */
export type Images = ReadonlyMap<string, ReadonlyMap<Digest, ReadonlySet<string>>>;

/** {@link Images} that are being built. */
export type ImagesBuilder = Map<string, Map<Digest, Set<string>>>;

const tagged = new RegExp(`^([^\\s:@]+):(${tagSource}) (${digestSource})$`);
const untagged = new RegExp(`^([^\\s:@]+)@(${digestSource})$`);

/**
 * Reads the manifests' canonical lines: `image:tag sha256:<hex>`, `image@sha256:<hex>`.
 * @throws Error that names the line. (The manifests are validated before; a line here is the program's own.)
 */
export function readImageLines(text: string): ImagesBuilder {
  const images: ImagesBuilder = new Map();
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const [, image, tag, digest] = tagged.exec(line) ?? [];
    if (image !== undefined) {
      addImage(images, image, digest!, tag);
      continue;
    }
    const [, name, alone] = untagged.exec(line) ?? [];
    if (name === undefined)
      throw new Error(`line ${index + 1} of the images is not "image:tag digest" or "image@digest"`);
    addImage(images, name, alone!);
  }
  return images;
}

/** Adds a digest, and a tag of it. */
export function addImage(images: ImagesBuilder, image: string, digest: Digest, tag?: string): void {
  if (!isDigest(digest)) throw new Error(`"${digest}" is not a sha256 digest`);
  const digests = images.get(image) ?? new Map<Digest, Set<string>>();
  images.set(image, digests);
  const tags = digests.get(digest) ?? new Set<string>();
  digests.set(digest, tags);
  if (tag !== undefined) tags.add(tag);
}

/** The lines of one digest. */
export function linesOf(image: string, digest: Digest, tags: Iterable<string>): string[] {
  const lines = [...tags].map((tag) => `${image}:${tag} ${digest}`);
  return lines.length > 0 ? lines : [`${image}@${digest}`];
}

/** Images as sorted text, each line ending in a newline; the inverse of {@link readImageLines}. */
export function writeImageLines(images: Images): string {
  const lines: string[] = [];
  for (const [image, digests] of images) {
    for (const [digest, tags] of digests) lines.push(...linesOf(image, digest, tags));
  }
  return joinLines(lines);
}

/** The digest of each tag of an image. Validated manifests have no tag on two digests. */
export function tagsOf(digests: ReadonlyMap<Digest, ReadonlySet<string>> | undefined): Map<string, Digest> {
  const tags = new Map<string, Digest>();
  for (const [digest, names] of digests ?? []) for (const name of names) tags.set(name, digest);
  return tags;
}
