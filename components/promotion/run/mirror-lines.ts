/**
 * The mirrors of a declared promotion as a text, one line each. As lists of objects, the mirrors of 108 projects were
 * a fifth of the state and of what each preview sends. Of a text, the CLI shows only the changed lines.
 */
import type { FileMirror, ImageMirror, LayerMirror } from "./request.ts";

/** The fields of a line, in this order, by the kind of mirror. None contains a blank. */
const columns = {
  images: ["name", "repository"],
  layers: ["name", "bucket", "region"],
  files: ["name", "kind", "bucket", "region"],
} as const;

/** A kind of mirror. */
export type MirrorKind = keyof typeof columns;

/** `name repository` */
export function imageMirrorLines(mirrors: readonly ImageMirror[]): string {
  return lines("images", mirrors);
}

/** `name bucket region` */
export function layerMirrorLines(mirrors: readonly LayerMirror[]): string {
  return lines("layers", mirrors);
}

/** `name kind bucket region` */
export function fileMirrorLines(mirrors: readonly FileMirror[]): string {
  return lines("files", mirrors);
}

/** Parses the lines into objects of their kind; a schema validates them. Returns a value that is not a text unchanged. */
export function readMirrorLines(kind: MirrorKind, text: unknown): unknown {
  if (typeof text !== "string") return text;
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Object.fromEntries(line.split(" ").map((word, index) => [columns[kind][index] ?? index, word])));
}

function lines<Kind extends MirrorKind>(
  kind: Kind,
  mirrors: readonly Readonly<Record<(typeof columns)[Kind][number], string>>[],
): string {
  const names: readonly (typeof columns)[Kind][number][] = columns[kind];
  return mirrors.map((mirror) => `${names.map((name) => mirror[name]).join(" ")}\n`).join("");
}
