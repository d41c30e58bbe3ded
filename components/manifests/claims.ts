import { type Problem, printable, quoted } from "./problem.ts";
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
 * Problems between projects: two with one prefix, two that publish one image or one file, a file where another project has a folder. A problem
 * stands in each of the two projects.
 */
export function claimProblems(claimants: readonly Claimant[]): Problem[] {
  const problems: Problem[] = [];
  for (const kind of ["image", "file"] as const) {
    const holders = new Map<string, Holder>();
    for (const { name, prefixes } of claimants) {
      const { prefix, start } = prefixes[kind];
      const holder = { project: name, source: prefixes.source, start };
      const other = holders.get(prefix);
      if (other === undefined) holders.set(prefix, holder);
      else problems.push(...bothClaim(`${kind}Prefix ${quoted(prefix)}`, other, holder));
    }
  }
  const images = new Map<string, Holder>();
  const files = new Map<string, Holder>();
  for (const { name: project, prefixes, ...claimed } of claimants) {
    for (const { source, name } of claimed.images)
      claim(images, `image ${quoted(below(prefixes.image.prefix, name.text))}`, { project, source, start: name.start });
    for (const { source, name } of claimed.files)
      claim(files, `file ${quoted(below(prefixes.file.prefix, name.text))}`, { project, source, start: name.start });
  }
  return problems;

  function claim(claims: Map<string, Holder>, what: string, holder: Holder): void {
    const other = claims.get(what);
    if (other === undefined) claims.set(what, holder);
    else if (other.project !== holder.project) problems.push(...bothClaim(what, other, holder));
  }
}

interface Holder {
  readonly project: string;
  readonly source: Source;
  readonly start: number;
}

function bothClaim(what: string, first: Holder, second: Holder): Problem[] {
  return [claimedBy(what, first, second), claimedBy(what, second, first)];
}

function claimedBy(what: string, here: Holder, there: Holder): Problem {
  const { file, line } = there.source.position(there.start);
  return here.source.problem(
    "error",
    here.start,
    `${what} is claimed by project ${quoted(there.project)} too, in ${printable(file)}:${line}: one of the two must change`,
  );
}
