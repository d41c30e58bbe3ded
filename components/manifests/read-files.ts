import { filesFormat } from "./formats.ts";
import { type Problem, quoted } from "./problem.ts";
import { otherReading } from "./scalars.ts";
import type { Source } from "./source.ts";
import { validate } from "./validate.ts";
import { entryAt, isNull, isTrue, type Node, type ScalarNode, valueAt } from "./yaml/tree.ts";

/** A file with the nodes of the manifest that it was read from. */
export interface ReadFile {
  readonly source: Source;
  readonly name: ScalarNode;
  readonly sha256: ScalarNode;
}

/** The files of one manifest, as far as they can be read; adds what is wrong inside this manifest to `problems`. */
export function readFiles(root: Node | undefined, source: Source, problems: Problem[]): ReadFile[] {
  if (root === undefined || isNull(root)) return [];
  validate(filesFormat, root, source, problems);
  problems.push(...filestoreProblems(root, source));
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
            `${what} ${node.text} is the text ${quoted(node.text)} here, but other readers of YAML take it for ${other}: quote it`,
          ),
        );
    }
  }
  return files;
}

function filestoreProblems(root: Node, source: Source): Problem[] {
  const filestores = entryAt(root, "filestores");
  if (filestores === undefined) return [];
  const from =
    filestores.value.kind === "list" ? filestores.value.items.filter((item) => isTrue(valueAt(item, "src"))) : [];
  const second = from[1];
  if (second !== undefined)
    return [
      source.problem(
        "error",
        second.start,
        "a second filestore says src: true: a project has one staging area; remove the filestores",
      ),
    ];
  return [
    source.problem(
      "warning",
      filestores.key.start,
      "filestores are not obeyed: files come from the project's own staging area and go to the mirrors of the stack's config, below filePrefix of project.yaml: remove them",
    ),
  ];
}
