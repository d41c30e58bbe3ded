import type { Project } from "./project.ts";

/**
 * What of a project's images is wanted, as the text that the promotion takes and Pulumi's diff shows: a line `image:tag
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
 * What of a project's files is wanted: a line `path sha256:<hex>` for each; sorted by UTF-16 units, each ending in a
 * newline.
 */
export function fileLines(project: Project): string {
  return project.files
    .map(({ name, sha256 }) => `${name} sha256:${sha256}\n`)
    .sort()
    .join("");
}

/** How much a project's images are, e.g. `57 images, 8,990 digests`. */
export function imageSummary(project: Project): string {
  const digests = project.images.reduce((sum, image) => sum + image.digests.length, 0);
  return `${counted(project.images.length, "image")}, ${counted(digests, "digest")}`;
}

/** How many a project's files are, e.g. `114 files`. */
export function fileSummary(project: Project): string {
  return counted(project.files.length, "file");
}

/** `1 file`, `8,990 files`. */
export function counted(count: number, one: string): string {
  return `${count.toLocaleString("en-US")} ${one}${count === 1 ? "" : "s"}`;
}
