import { imageName } from "../../redirector/object-paths.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { oneWord } from "../promotion/text/one-word.ts";
import type { Image, Project, Withdrawal } from "./project.ts";

/**
 * A project's wanted images, as the text that the promotion reads and Pulumi's diff shows: a line `image:tag
 * sha256:<hex>` for each tag, `image@sha256:<hex>` for each digest without a tag; sorted by UTF-16 units, each ending
 * in a newline; "" when nothing is wanted. Names are relative to the project's first prefix; below its further ones they
 * start with `/` and are from the root, so that a prefix that comes or goes is lines that come or go.
 */
export function imageLines(project: Project): string {
  const lines: string[] = [];
  for (const image of project.images)
    for (const name of publishedNames(project, image))
      for (const { digest, tags } of image.digests) {
        if (tags.length === 0) lines.push(`${name}@${digest}\n`);
        for (const tag of tags) lines.push(`${name}:${tag} ${digest}\n`);
      }
  return lines.sort().join("");
}

/**
 * Where the images of a project lie in staging under other names than {@link imageLines} has: a line `image source` for each; sorted, each
 * ending in a newline; undefined if none does.
 */
export function imageSources(project: Project): string | undefined {
  const lines = project.images.flatMap((image) =>
    publishedNames(project, image)
      .map((name) => ({ name, source: image.from ?? image.name }))
      .filter(({ name, source }) => name !== source)
      .map(({ name, source }) => `${name} ${source}\n`),
  );
  return lines.length === 0 ? undefined : lines.sort().join("");
}

/** The names of the images that a project publishes, as its lines have them. */
export function imageNames(project: Project): string[] {
  return project.images.flatMap((image) => publishedNames(project, image));
}

function publishedNames({ imagePrefix, imagePrefixes }: Project, { name }: Pick<Image, "name">): string[] {
  return imagePrefixes.map((prefix) => (prefix === imagePrefix ? name : `/${imageName(prefix, name)}`));
}

/**
 * A project's wanted files: a line `path sha256:<hex>` for each; sorted by UTF-16 units, each ending in a
 * newline.
 */
export function fileLines(project: Project): string {
  return project.files
    .map(({ name, sha256 }) => `${name} sha256:${sha256}\n`)
    .sort()
    .join("");
}

/**
 * What of a project's images is withdrawn: a line `image@sha256:<hex> <why>` or `image:tag <why>` for each, sorted, each ending in a newline.
 */
export function withdrawnImageLines(project: Project): string {
  return sortedLines(
    project.withdrawn.flatMap((one) => {
      if ("file" in one) return [];
      const reference = "digest" in one ? `@${one.digest}` : `:${one.tag}`;
      return publishedNames(project, { name: one.image }).map((name) => `${name}${reference} ${why(one)}`);
    }),
  );
}

/** The same of its files: a line `path <why>` for each; spaces of the path as {@link oneWord} has them. */
export function withdrawnFileLines({ withdrawn }: Project): string {
  return sortedLines(withdrawn.flatMap((one) => ("file" in one ? `${oneWord(one.file)} ${why(one)}` : [])));
}

function why({ reason, reference }: Withdrawal): string {
  return reference === undefined ? reason : `${reason} (${reference})`;
}

function sortedLines(lines: readonly string[]): string {
  return lines
    .map((line) => `${line}\n`)
    .sort()
    .join("");
}

/** Counts a project's images, e.g. `57 images, 8,990 digests`. */
export function imageSummary(project: Project): string {
  const digests = project.images.reduce((sum, image) => sum + image.digests.length, 0);
  return `${countOf(project.images.length, "image")}, ${countOf(digests, "digest")}`;
}

/** Counts a project's files, e.g. `114 files`. */
export function fileSummary(project: Project): string {
  return countOf(project.files.length, "file");
}
