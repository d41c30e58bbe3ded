import { foreignLocations } from "./foreign-locations.ts";
import { filesFormat } from "./formats.ts";
import { type Problem, quoted } from "./problem.ts";
import { otherReading } from "./scalars.ts";
import type { Source } from "./source.ts";
import { validate } from "./validate.ts";
import { isNull, type Node, type ScalarNode, valueAt } from "./yaml/tree.ts";

/** A file with the nodes of the manifest that it was read from. */
export interface ReadFile {
  readonly source: Source;
  readonly name: ScalarNode;
  readonly sha256: ScalarNode;
}

/** The files of one manifest, as far as they can be read; adds problems of this manifest to `problems`. */
export function readFiles(root: Node | undefined, source: Source, problems: Problem[]): ReadFile[] {
  if (root === undefined || isNull(root)) return [];
  validate(filesFormat, root, source, problems);
  problems.push(...foreignLocations(root, source, "filestores"));
  const list = valueAt(root, "files");
  const files: ReadFile[] = [];
  for (const item of list?.kind === "list" ? list.items : []) {
    const [name, sha256] = [valueAt(item, "name"), valueAt(item, "sha256")];
    if (name?.kind !== "scalar" || sha256?.kind !== "scalar") continue;
    files.push({ source, name, sha256 });
    for (const [what, node] of [["name", name] as const, ["sha256", sha256] as const]) {
      const other = otherReading(node);
      if (other !== undefined)
        problems.push(
          source.problem(
            "warning",
            node.start,
            `${what} ${node.text} is read as the text ${quoted(node.text)}, but by other YAML readers as ${other}: quote it`,
          ),
        );
    }
  }
  return files;
}
