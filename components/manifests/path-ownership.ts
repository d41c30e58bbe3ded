import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type Problem, quoted } from "./problem.ts";
import type { ReadFile } from "./read-files.ts";
import type { ReadImage } from "./read-images.ts";
import type { Source } from "./source.ts";

/** The paths in production that a project uses. */
export interface PathOwner {
  readonly name: string;
  readonly prefixes: { readonly source: Source; readonly image: OwnedPrefix; readonly file: OwnedPrefix };
  readonly images: readonly ReadImage[];
  readonly files: readonly ReadFile[];
}

/** A prefix and its offset in project.yaml. */
export interface OwnedPrefix {
  readonly prefix: string;
  readonly start: number;
}

/** Name of something in production, below the prefix of its project. */
export function below(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}/${name}`;
}

/**
 * Problems between projects: two with one prefix, two that publish one image or one file, a file where another has a
 * folder. There is a problem in each of the two; `projects` are the names of all that have one.
 */
export function ownershipProblems(owners: readonly PathOwner[]): {
  problems: Problem[];
  projects: ReadonlySet<string>;
} {
  const problems: Problem[] = [];
  const projects = new Set<string>();
  for (const kind of ["image", "file"] as const) {
    const prefixes = new Map<string, Holder>();
    for (const { name: project, prefixes: declared } of owners)
      take(prefixes, declared[kind].prefix, `${kind}Prefix`, {
        project,
        source: declared.source,
        start: declared[kind].start,
      });
  }
  const images = new Map<string, Holder>();
  const files = new Map<string, Holder>();
  for (const { name: project, prefixes, ...owned } of owners) {
    for (const { source, name } of owned.images)
      take(images, below(prefixes.image.prefix, name.text), "image", { project, source, start: name.start });
    for (const { source, name } of owned.files)
      take(files, below(prefixes.file.prefix, name.text), "file", { project, source, start: name.start });
  }
  for (const [path, holder] of files)
    for (const folder of foldersOf(path)) {
      const other = files.get(folder);
      if (other !== undefined && other.project !== holder.project)
        clash(`${quoted(folder)}, a folder in one project and a file in the other,`, other, holder);
    }
  return { problems, projects };

  function take(taken: Map<string, Holder>, name: string, kind: string, holder: Holder): void {
    const other = taken.get(name);
    if (other === undefined) taken.set(name, holder);
    else if (other.project !== holder.project) clash(`${kind} ${quoted(name)}`, other, holder);
  }

  function clash(what: string, one: Holder, other: Holder): void {
    problems.push(usedBy(what, one, other), usedBy(what, other, one));
    for (const { project } of [one, other]) projects.add(project);
  }
}

interface Holder {
  readonly project: string;
  readonly source: Source;
  readonly start: number;
}

function usedBy(what: string, here: Holder, there: Holder): Problem {
  const { file, line } = there.source.position(there.start);
  return here.source.problem(
    "error",
    here.start,
    `${what} is also used by project ${quoted(there.project)} (${escapeUnprintable(file)}:${line}): change one of the two`,
  );
}

/** `a` and `a/b` of `a/b/c`; none of what is too long or oddly cut to be a path, which is a problem already. */
export function foldersOf(path: string): string[] {
  if (path.length > 1024 || /(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return [];
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
}
