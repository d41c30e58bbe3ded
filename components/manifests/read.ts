import { ownershipProblems, type PathOwner } from "./path-ownership.ts";
import { inReadingOrder, type Problem, problemLine } from "./problem.ts";
import type { Project } from "./project.ts";
import { readProject } from "./read-project.ts";
import { sharedStagingProblems } from "./shared-staging.ts";
import type { Share } from "./shares.ts";
import { Source } from "./source.ts";
import type { StackRules } from "./stack-rules.ts";
import { compareTexts } from "./versions.ts";

/** The projects without errors, sorted by name, and everything wrong with all of them in reading order. */
export interface Loaded {
  readonly projects: readonly Project[];
  readonly problems: readonly Problem[];
}

/**
 * Reads manifests that are already in memory. Keys are paths below the folder of manifests with `/`
 * (`<project>/images.yaml`), values their texts; `folder` is put before the paths in messages. Pure; never throws,
 * whatever the texts hold; time is linear in their length.
 * @param rules of the stack that the manifests are for; without them only what they must be for any stack is checked.
 * @param sharesOf what a project shares in place of what its project.yaml says; undefined: what it says.
 */
export function readManifests(
  files: ReadonlyMap<string, string>,
  folder = "",
  rules?: StackRules,
  sharesOf: (project: string) => readonly Share[] | undefined = () => undefined,
): Loaded {
  const problems: Problem[] = [];
  const folders = new Map<string, Map<string, Source>>();
  for (const [path, text] of files) {
    const source = new Source(folder === "" ? path : `${folder}/${path}`, text);
    const [project = "", ...rest] = path.split("/");
    if (rest.length > 0)
      folders.set(project, (folders.get(project) ?? new Map<string, Source>()).set(rest.join("/"), source));
    else
      problems.push(
        source.problem(
          "error",
          0,
          "file outside of a project's folder: move it into one, or create a project with npm run new",
        ),
      );
  }
  const read = [...folders]
    .sort(([a], [b]) => compareTexts(a, b))
    .map(([name, sources]) => readProject(name, sources, rules));
  const ownership = ownershipProblems(
    read.flatMap(({ owner }) => owner ?? []).map((owner) => withShares(owner, sharesOf(owner.name))),
    new Set(folders.keys()),
  );
  const staging = sharedStagingProblems(
    read.flatMap(({ staging: use }) => use ?? []),
    new Set(folders.keys()),
  );
  for (const list of [ownership.problems, staging.problems, ...read.map((one) => one.problems)])
    for (const problem of list) problems.push(problem);
  return {
    projects: read.flatMap(({ project }) =>
      project === undefined || ownership.projects.has(project.name) || staging.projects.has(project.name)
        ? []
        : project,
    ),
    problems: withoutRepeats(problems.sort(inReadingOrder)),
  };
}

function withShares(owner: PathOwner, shares: readonly Share[] | undefined): PathOwner {
  return shares === undefined ? owner : { ...owner, shares: shares.map((share) => ({ ...share, start: 0 })) };
}

/** A fault found in two ways is one fault. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  return problems.filter(
    (problem, index) => index === 0 || problemLine(problem) !== problemLine(problems[index - 1] ?? problem),
  );
}
