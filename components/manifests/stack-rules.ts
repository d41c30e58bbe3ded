import { repositoryPattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { type Node, valueAt } from "./yaml/tree.ts";

/** The rules that a stack sets for its manifests. */
export interface StackRules {
  /** Owners at GitHub whose repositories may push to staging areas: the keys of `artifacts:githubOwners`. */
  readonly githubOwners: ReadonlySet<string>;
}

/**
 * Problems of a project.yaml with the rules of its stack: a repository whose owner may not push. Considers only values that are valid by
 * themselves. Pure.
 */
export function stackProblems(root: Node, source: Source, { githubOwners }: StackRules): Problem[] {
  const problems: Problem[] = [];
  const repositories = valueAt(valueAt(root, "owners") ?? root, "repositories");
  for (const item of repositories?.kind === "list" ? repositories.items : []) {
    const node = valueAt(item, "name");
    if (node?.kind !== "scalar" || !repositoryPattern.test(node.text)) continue;
    const [owner = ""] = node.text.split("/");
    if (githubOwners.has(owner)) continue;
    problems.push(
      source.problem(
        "error",
        node.start,
        `repository ${quoted(node.text)} may not push: its owner is not in artifacts:githubOwners of the stack; add ${quoted(owner)} there or remove the repository`,
      ),
    );
  }
  return problems;
}
