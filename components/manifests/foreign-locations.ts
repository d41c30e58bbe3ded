import type { Problem } from "./problem.ts";
import type { Source } from "./source.ts";
import { entryAt, isTrue, type Node, valueAt } from "./yaml/tree.ts";

/**
 * Problems of the `registries` or `filestores` that k8s.io's plain format has next to its list. They are ignored
 * here, and the user is warned; two sources are an error in any case (today's promoter treats the second as a
 * destination).
 */
export function foreignLocations(root: Node, source: Source, kind: "registries" | "filestores"): Problem[] {
  const places = entryAt(root, kind);
  if (places === undefined) return [];
  const [what, one, prefix] =
    kind === "registries" ? ["images", "registry", "imagePrefix"] : ["files", "filestore", "filePrefix"];
  const sources = places.value.kind === "list" ? places.value.items.filter((item) => isTrue(valueAt(item, "src"))) : [];
  const second = sources[1];
  if (second !== undefined)
    return [
      source.problem(
        "error",
        second.start,
        `a second ${one} has src: true, but a project has one staging area: remove the ${kind}`,
      ),
    ];
  const message = `${kind} are ignored: ${what} are copied from the project's staging area to the mirrors of the stack, below ${prefix} of project.yaml: remove them`;
  return [source.problem("warning", places.key.start, message)];
}
