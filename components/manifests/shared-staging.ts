import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { isTrue, type Node, type ScalarNode, valueAt } from "./yaml/tree.ts";

/** What a valid project.yaml says of its staging area. */
export interface StagingUse {
  readonly name: string;
  readonly source: Source;
  readonly images: boolean;
  readonly files: boolean;
  /** The project whose area it uses. */
  readonly project: ScalarNode | undefined;
  /** Projects that may use its own. */
  readonly sharedWith: readonly ScalarNode[];
  /** Settings that only an area of its own has. */
  readonly ownOnly: readonly { readonly key: string; readonly start: number }[];
}

/** Reads it from the tree of a project.yaml. */
export function stagingUse(name: string, root: Node, source: Source): StagingUse {
  const [staging, owners] = [valueAt(root, "staging") ?? root, valueAt(root, "owners") ?? root];
  const [project, shared] = [valueAt(staging, "project"), valueAt(staging, "sharedWith")];
  const settings = [
    { key: "staging.retentionDays", node: valueAt(staging, "retentionDays") },
    { key: "staging.sharedWith", node: shared },
    { key: "owners.repositories", node: valueAt(owners, "repositories") },
  ];
  return {
    name,
    source,
    images: isTrue(valueAt(staging, "images")),
    files: isTrue(valueAt(staging, "files")),
    project: project?.kind === "scalar" ? project : undefined,
    sharedWith: shared?.kind === "list" ? shared.items.filter((item) => item.kind === "scalar") : [],
    ownOnly: settings.flatMap(({ key, node }) => (node === undefined ? [] : [{ key, start: node.start }])),
  };
}

/**
 * Problems of projects that use another's staging area. That project has one of its own for the same kinds of artifacts, and lets the other in:
 * what lies in staging is not public, and whoever may publish it may read it. A share for a project that does not exist is a warning.
 * @param names of all projects, also of those with errors.
 */
export function sharedStagingProblems(
  uses: readonly StagingUse[],
  names: ReadonlySet<string>,
): { readonly problems: readonly Problem[]; readonly projects: ReadonlySet<string> } {
  const problems: Problem[] = [];
  const projects = new Set<string>();
  const byName = new Map(uses.map((use) => [use.name, use]));
  for (const use of uses) {
    const { name, source, project, sharedWith, ownOnly } = use;
    for (const { text, start } of sharedWith)
      if (!names.has(text))
        problems.push(
          source.problem(
            "warning",
            start,
            `shares its staging area with project ${quoted(text)}, which does not exist: whoever creates it may publish what lies there`,
          ),
        );
    if (project === undefined) continue;
    const report = (start: number, message: string) => {
      problems.push(source.problem("error", start, message));
      projects.add(name);
    };
    for (const { key, start } of ownOnly)
      report(start, `${key} is of the staging area, which is that of project ${quoted(project.text)}: set it there`);
    const lender = byName.get(project.text);
    const what = `staging.project ${quoted(project.text)}`;
    if (project.text === name) report(project.start, `${what} is this project: remove the line`);
    else if (!names.has(project.text)) report(project.start, `${what} does not exist`);
    else if (lender === undefined) report(project.start, `${what} has errors: fix them first`);
    else if (lender.project !== undefined)
      report(project.start, `${what} uses that of project ${quoted(lender.project.text)}: name that one`);
    else {
      for (const kind of ["images", "files"] as const)
        if (use[kind] && !lender[kind])
          report(project.start, `${what} has no staging area for ${kind}: set \`staging.${kind}: true\` there`);
      if (!lender.sharedWith.some(({ text }) => text === name))
        report(
          project.start,
          `${what} does not share its staging area: have that project's approvers add \`sharedWith: [${escapeUnprintable(name)}]\` to \`staging\` of its project.yaml`,
        );
    }
  }
  return { problems, projects };
}
