import { withdrawnFormat } from "./formats.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Withdrawal } from "./project.ts";
import type { ReadFile } from "./read-files.ts";
import type { ReadImage } from "./read-images.ts";
import type { Source } from "./source.ts";
import { validate } from "./validate.ts";
import { isNull, type Node, type ScalarNode } from "./yaml/tree.ts";

/** An entry of withdrawn.yaml and where it stands. */
export interface ReadWithdrawal {
  readonly source: Source;
  readonly start: number;
  readonly withdrawal: Withdrawal;
}

/** The entries of a withdrawn.yaml, if all are right; adds what is wrong in it to `problems`. */
export function readWithdrawn(root: Node | undefined, source: Source, problems: Problem[]): ReadWithdrawal[] {
  if (root === undefined || isNull(root)) return [];
  const list = validate(withdrawnFormat, root, source, problems);
  if (list === undefined || root.kind !== "list") return [];
  return list.flatMap(({ image, tag, digest, file, reason, reference }, index) => {
    const start = root.items[index]?.start ?? root.start;
    const what =
      image !== undefined && digest !== undefined && tag === undefined && file === undefined
        ? { image, digest }
        : image !== undefined && tag !== undefined && digest === undefined && file === undefined
          ? { image, tag }
          : file !== undefined && image === undefined && tag === undefined && digest === undefined
            ? { file }
            : undefined;
    if (what === undefined) {
      problems.push(
        source.problem(
          "error",
          start,
          "an entry withdraws one thing: write image and digest, or image and tag, or file",
        ),
      );
      return [];
    }
    const withdrawal = { ...what, reason, ...(reference !== undefined && { reference }) };
    return [{ source, start, withdrawal }];
  });
}

/** Problems of things that are withdrawn and in the manifests all the same. A digest is withdrawn under every name of the project. */
export function withdrawnProblems(
  withdrawn: readonly ReadWithdrawal[],
  images: readonly ReadImage[],
  files: readonly ReadFile[],
): Problem[] {
  if (withdrawn.length === 0) return [];
  const entries = new Map(withdrawn.map((entry) => [keyOf(entry.withdrawal), entry]));
  const problems: Problem[] = [];
  const add = (source: Source, node: ScalarNode, key: string, what: string) => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    const { file, line } = entry.source.position(entry.start);
    problems.push(
      source.problem(
        "error",
        node.start,
        `${what} is withdrawn (${file}:${line}: ${quoted(entry.withdrawal.reason)}): remove it here; to promote it again, remove that entry in a change of its own first`,
      ),
    );
  };
  for (const { source, name, digests } of images)
    for (const { digest, tags } of digests) {
      add(source, digest, `@${digest.text}`, `image ${quoted(name.text)}: digest ${quoted(digest.text)}`);
      for (const tag of tags)
        add(source, tag, `${name.text}:${tag.text}`, `image ${quoted(name.text)}: tag ${quoted(tag.text)}`);
    }
  for (const { source, name } of files) add(source, name, `file ${name.text}`, `file ${quoted(name.text)}`);
  return problems;
}

function keyOf(withdrawal: Withdrawal): string {
  if ("file" in withdrawal) return `file ${withdrawal.file}`;
  return "digest" in withdrawal ? `@${withdrawal.digest}` : `${withdrawal.image}:${withdrawal.tag}`;
}
