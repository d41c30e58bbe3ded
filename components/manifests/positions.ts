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
  read.places ??= placesOf(read.images, read.files);
  const place = read.places.get(keyOf(thing));
  return place?.source.position(place.start);
}

/** Records the manifests that a project was read from. */
export function recordOrigin(project: Project, images: readonly ReadImage[], files: readonly ReadFile[]): void {
  origins.set(project, { images, files, places: undefined });
}

// Stored separately, so that a project stays plain data that can be compared and printed.
const origins = new WeakMap<
  Project,
  { images: readonly ReadImage[]; files: readonly ReadFile[]; places: Map<string, Place> | undefined }
>();

interface Place {
  readonly source: Source;
  readonly start: number;
}

function placesOf(images: readonly ReadImage[], files: readonly ReadFile[]): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const { source, name, digests } of images) {
    const image = name.text;
    places.set(keyOf({ image }), { source, start: name.start });
    for (const { digest, tags } of digests) {
      places.set(keyOf({ image, digest: digest.text }), { source, start: digest.start });
      for (const tag of tags) places.set(keyOf({ image, tag: tag.text }), { source, start: tag.start });
    }
  }
  for (const { source, name } of files) places.set(keyOf({ file: name.text }), { source, start: name.start });
  return places;
}

function keyOf(thing: Thing): string {
  if ("file" in thing) return `file ${thing.file}`;
  if (thing.tag !== undefined) return `image ${thing.image}:${thing.tag}`;
  return thing.digest === undefined ? `image ${thing.image}` : `image ${thing.image}@${thing.digest}`;
}
