import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type Problem, quoted } from "./problem.ts";
import type { ReadFile } from "./read-files.ts";
import type { ReadImage } from "./read-images.ts";
import type { Source } from "./source.ts";

/** What a project claims of the production names. */
export interface Claimant {
  readonly name: string;
  readonly prefixes: { readonly source: Source; readonly image: Claim; readonly file: Claim };
  readonly images: readonly ReadImage[];
  readonly files: readonly ReadFile[];
}

/** A prefix and the offset in project.yaml that says it. */
export interface Claim {
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
export function claimProblems(claimants: readonly Claimant[]): { problems: Problem[]; projects: ReadonlySet<string> } {
  const problems: Problem[] = [];
  const projects = new Set<string>();
  for (const kind of ["image", "file"] as const) {
    const prefixes = new Map<string, Holder>();
    for (const { name: project, prefixes: own } of claimants)
      claim(prefixes, own[kind].prefix, `${kind}Prefix`, { project, source: own.source, start: own[kind].start });
  }
  const images = new Map<string, Holder>();
  const files = new Map<string, Holder>();
  for (const { name: project, prefixes, ...claimed } of claimants) {
    for (const { source, name } of claimed.images)
      claim(images, below(prefixes.image.prefix, name.text), "image", { project, source, start: name.start });
    for (const { source, name } of claimed.files)
      claim(files, below(prefixes.file.prefix, name.text), "file", { project, source, start: name.start });
  }
  for (const [path, holder] of files)
    for (const folder of foldersOf(path)) {
      const other = files.get(folder);
      if (other !== undefined && other.project !== holder.project)
        clash(`${quoted(folder)}, a folder of one and a file of the other,`, other, holder);
    }
  return { problems, projects };

  function claim(claims: Map<string, Holder>, name: string, kind: string, holder: Holder): void {
    const other = claims.get(name);
    if (other === undefined) claims.set(name, holder);
    else if (other.project !== holder.project) clash(`${kind} ${quoted(name)}`, other, holder);
  }

  function clash(what: string, one: Holder, other: Holder): void {
    problems.push(claimedBy(what, one, other), claimedBy(what, other, one));
    for (const { project } of [one, other]) projects.add(project);
  }
}

interface Holder {
  readonly project: string;
  readonly source: Source;
  readonly start: number;
}

function claimedBy(what: string, here: Holder, there: Holder): Problem {
  const { file, line } = there.source.position(there.start);
  return here.source.problem(
    "error",
    here.start,
    `${what} is claimed by project ${quoted(there.project)} too, in ${escapeUnprintable(file)}:${line}: one of the two must change`,
  );
}

/** `a` and `a/b` of `a/b/c`; none of what is too long or oddly cut to be a path, which is a problem already. */
export function foldersOf(path: string): string[] {
  if (path.length > 1024 || /(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return [];
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
}
