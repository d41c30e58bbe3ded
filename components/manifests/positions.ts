import type { Project } from "./project.ts";
import type { ReadFile } from "./read-files.ts";
import type { ReadImage } from "./read-images.ts";
import type { Position, Source } from "./source.ts";

/** An item of a project that is listed in one of its manifests. */
export type Thing =
  | { readonly image: string; readonly digest?: string; readonly tag?: string }
  | { readonly file: string };

/**
 * The position of an item in the manifests that a project was read from, for messages: of an image its name, of a
 * digest its key, of a tag its list item, of a file its name. Undefined if the item is not listed, or the project was
 * not read from manifests.
 */
export function positionOf(project: Project, thing: Thing): Position | undefined {
  const read = origins.get(project);
  if (read === undefined) return undefined;
  read.byThing ??= originsOf(read.images, read.files);
  const origin = read.byThing.get(keyOf(thing));
  return origin?.source.position(origin.start);
}

/** Records the manifests that a project was read from. */
export function recordOrigin(project: Project, images: readonly ReadImage[], files: readonly ReadFile[]): void {
  origins.set(project, { images, files, byThing: undefined });
}

// Stored separately, so that a project stays plain data that can be compared and printed.
const origins = new WeakMap<
  Project,
  { images: readonly ReadImage[]; files: readonly ReadFile[]; byThing: Map<string, Origin> | undefined }
>();

interface Origin {
  readonly source: Source;
  readonly start: number;
}

function originsOf(images: readonly ReadImage[], files: readonly ReadFile[]): Map<string, Origin> {
  const byThing = new Map<string, Origin>();
  for (const { source, name, digests } of images) {
    const image = name.text;
    byThing.set(keyOf({ image }), { source, start: name.start });
    for (const { digest, tags } of digests) {
      byThing.set(keyOf({ image, digest: digest.text }), { source, start: digest.start });
      for (const tag of tags) byThing.set(keyOf({ image, tag: tag.text }), { source, start: tag.start });
    }
  }
  for (const { source, name } of files) byThing.set(keyOf({ file: name.text }), { source, start: name.start });
  return byThing;
}

function keyOf(thing: Thing): string {
  if ("file" in thing) return `file ${thing.file}`;
  if (thing.tag !== undefined) return `image ${thing.image}:${thing.tag}`;
  return thing.digest === undefined ? `image ${thing.image}` : `image ${thing.image}@${thing.digest}`;
}
