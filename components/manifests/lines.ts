import { countOf } from "../promotion/text/count-of.ts";
import type { Project } from "./project.ts";

/**
 * A project's wanted images, as the text that the promotion reads and Pulumi's diff shows: a line `image:tag
 * sha256:<hex>` for each tag, `image@sha256:<hex>` for each digest without a tag; sorted by UTF-16 units, each ending
 * in a newline; "" when nothing is wanted.
 */
export function imageLines(project: Project): string {
  const lines: string[] = [];
  for (const { name, digests } of project.images)
    for (const { digest, tags } of digests) {
      if (tags.length === 0) lines.push(`${name}@${digest}\n`);
      for (const tag of tags) lines.push(`${name}:${tag} ${digest}\n`);
    }
  return lines.sort().join("");
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

/** Counts a project's images, e.g. `57 images, 8,990 digests`. */
export function imageSummary(project: Project): string {
  const digests = project.images.reduce((sum, image) => sum + image.digests.length, 0);
  return `${countOf(project.images.length, "image")}, ${countOf(digests, "digest")}`;
}

/** Counts a project's files, e.g. `114 files`. */
export function fileSummary(project: Project): string {
  return countOf(project.files.length, "file");
}
