import { nearest } from "../promotion/text/nearest.ts";
import { repositoryPattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { type Node, valueAt } from "./yaml/tree.ts";

/** The rules that a stack sets for its manifests. */
export interface StackRules {
  /** Owners at GitHub whose repositories may push to staging areas: the keys of `artifacts:githubOwners`. */
  readonly githubOwners: ReadonlySet<string>;
  /** Its groups of regions, and whether any of its mirrors is in them. */
  readonly regionGroups: ReadonlyMap<string, boolean>;
}

/**
 * Problems of a project.yaml with the rules of its stack: a repository whose owner may not push, a group of regions that there is not. Considers only values that are valid by
 * themselves. Pure.
 */
export function stackProblems(root: Node, source: Source, { githubOwners, regionGroups }: StackRules): Problem[] {
  const problems: Problem[] = placementProblems(root, source, regionGroups);
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

function placementProblems(root: Node, source: Source, groups: StackRules["regionGroups"]): Problem[] {
  const regions = valueAt(root, "regions");
  const seen = new Set<string>();
  return (regions?.kind === "list" ? regions.items : []).flatMap((node) => {
    if (node.kind !== "scalar") return [];
    const group = quoted(node.text);
    const isTwice = seen.has(node.text);
    seen.add(node.text);
    if (isTwice) return [source.problem("error", node.start, `group ${group} is listed twice: keep one`)];
    const hasMirrors = groups.get(node.text);
    if (hasMirrors === true) return [];
    if (hasMirrors === false) {
      const nowhere = `group ${group} has no region of this stack: in it only the canonical mirrors have the project`;
      return [source.problem("warning", node.start, nowhere)];
    }
    const meant = nearest(node.text, [...groups.keys()]);
    const advice = meant === undefined ? `known: ${[...groups.keys()].join(", ")}` : `did you mean ${quoted(meant)}?`;
    return [source.problem("error", node.start, `group ${group} is no group of regions of this stack: ${advice}`)];
  });
}
