import { fileKey, longestKey } from "../../redirector/object-paths.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { below, foldersOf } from "./path-ownership.ts";
import { type Problem, quoted } from "./problem.ts";
import type { ReadFile } from "./read-files.ts";
import type { ReadImage } from "./read-images.ts";
import type { Source } from "./source.ts";
import type { ScalarNode } from "./yaml/tree.ts";

/**
 * Problems between the images of one project: a name that is listed twice, in one file or two; a path that is too long.
 */
export function imageNameProblems(images: readonly ReadImage[], prefixes: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  const first = new Map<string, Named>();
  const published = new Map<string, Named>();
  for (const image of images) {
    const other = first.get(image.name.text);
    if (other === undefined) first.set(image.name.text, image);
    else problems.push(...twice(`image ${quoted(image.name.text)}`, other, image, "put its digests under one name"));
    for (const prefix of prefixes) {
      const path = below(prefix, image.name.text);
      if (path.length > 200 && image.name.text.length <= 200)
        problems.push(at(image, `image ${quoted(path)} has ${path.length} characters with its prefix: 200 at most`));
      const same = published.get(path);
      if (same === undefined) published.set(path, image);
      else if (same.name.text !== image.name.text)
        problems.push(...twice(`image ${quoted(path)}`, same, image, "by another prefix of the project: rename one"));
    }
  }
  return problems;
}

/**
 * Problems between the files of one project: a name that is listed twice; names that differ only in case (a client's
 * file system may have only one of them); a name that is another's folder; a path that is too long.
 */
export function fileNameProblems(files: readonly ReadFile[], prefix: string): Problem[] {
  const problems: Problem[] = [];
  const first = new Map<string, Named>();
  for (const file of files) {
    const name = file.name.text;
    const folded = name.toLowerCase();
    const other = first.get(folded);
    if (other === undefined) first.set(folded, file);
    else if (other.name.text === name) problems.push(...twice(`file ${quoted(name)}`, other, file, "keep one"));
    else
      problems.push(
        at(
          file,
          `file ${quoted(name)} differs from ${quoted(other.name.text)} (${place(other)}) only in case: rename one`,
        ),
      );
    const path = fileKey(prefix, name);
    if (path.length > longestKey && name.length <= 512)
      problems.push(
        at(file, `file ${quoted(path)} has ${path.length} characters with its prefix: ${longestKey} at most`),
      );
  }
  for (const file of files) {
    const folder = foldersOf(file.name.text.toLowerCase())
      .map((path) => first.get(path))
      .find((holder) => holder !== undefined);
    if (folder !== undefined)
      problems.push(
        at(
          file,
          `file ${quoted(file.name.text)} is inside ${quoted(folder.name.text)} (${place(folder)}), which is a file: rename one`,
        ),
      );
  }
  return problems;
}

interface Named {
  readonly source: Source;
  readonly name: ScalarNode;
}

function at({ source, name }: Named, message: string): Problem {
  return source.problem("error", name.start, message);
}

function place({ source, name }: Named): string {
  const { file, line } = source.position(name.start);
  return `${escapeUnprintable(file)}:${line}`;
}

function twice(what: string, first: Named, second: Named, todo: string): Problem[] {
  return [
    at(first, `${what} is also in ${place(second)}: ${todo}`),
    at(second, `${what} is also in ${place(first)}: ${todo}`),
  ];
}
