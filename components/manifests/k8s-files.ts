import { countOf } from "../promotion/text/count-of.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { plainOrQuoted } from "./edit.ts";
import { fileError } from "./file-names.ts";
import { sha256Fault, sha256Pattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { commentsAbove } from "./text-lines.ts";
import { isNull, type Node, valueAt } from "./yaml/tree.ts";

/** One list of files of a project of k8s.io. */
export interface K8sFileList {
  readonly source: Source;
  readonly root: Node | undefined;
}

/** What became of a list. */
export interface K8sFiles {
  readonly source: Source;
  readonly files: ReadonlyMap<string, string>;
  /** A text of ours with this meaning: the list as it stands, if it is one. "" if all of it is in other lists already. */
  readonly text: string;
}

/**
 * Reads all lists of files of a project. A file that is listed again with the same sha256 is once, told in one warning. With another sha256 it
 * is a warning that names both: a client gets what was promoted first, and which that was only production knows. A path or sha256 that no
 * file can have is left out, with a warning.
 */
export function readK8sFiles(lists: readonly K8sFileList[], problems: Problem[]): K8sFiles[] {
  const first = new Map<string, { readonly sha256: string; readonly at: string }>();
  const contents = new Map<string, { source: Source; start: number; texts: string[] }>();
  const again: { readonly source: Source; readonly name: string }[] = [];
  const read = lists.map(({ source, root }): K8sFiles => {
    const files = new Map<string, string>();
    const lines: string[] = [];
    const list = root === undefined ? undefined : valueAt(root, "files");
    const hasMore = root?.kind === "map" && root.entries.some(({ key }) => key.text !== "files");
    let [count, altered] = [0, hasMore || (list !== undefined && list.kind !== "list")];
    const leaveOut = (node: Node, fault: string) => {
      altered = true;
      problems.push(source.problem("warning", node.start, `left out, as nobody can download it: ${fault}`));
    };
    if (root !== undefined && !isNull(root) && list?.kind !== "list" && (list === undefined || !isNull(list)))
      problems.push(source.problem("error", root.start, "not imported: it has no list of files"));
    for (const item of list?.kind === "list" ? list.items : []) {
      count++;
      if (item.kind !== "map" || item.entries.length !== 2) altered = true;
      const [name, sha256] = [valueAt(item, "name"), valueAt(item, "sha256")];
      if (name?.kind !== "scalar" || sha256?.kind !== "scalar") {
        leaveOut(item, "a file has a name and a sha256");
        continue;
      }
      const fault = fileError(name.text);
      if (fault !== undefined) {
        leaveOut(name, fault);
        continue;
      }
      if (!sha256Pattern.test(sha256.text)) {
        leaveOut(sha256, sha256Fault(sha256.text));
        continue;
      }
      const other = first.get(name.text);
      if (other !== undefined) {
        altered = true;
        if (other.sha256 === sha256.text) again.push({ source, name: name.text });
        else {
          const { file, line } = source.position(name.start);
          const others = contents.get(name.text) ?? { source, start: name.start, texts: [] };
          contents.set(name.text, others);
          others.texts.push(`${sha256.text} (${escapeUnprintable(file)}:${line})`);
        }
        continue;
      }
      const { file, line } = source.position(name.start);
      first.set(name.text, { sha256: sha256.text, at: `${escapeUnprintable(file)}:${line}` });
      files.set(name.text, sha256.text);
      lines.push(
        ...commentsAbove(source.text, item.start).map((comment) => `${comment}\n`),
        `- name: ${plainOrQuoted(name.text)}\n  sha256: ${plainOrQuoted(sha256.text)}\n`,
      );
    }
    return { source, files, text: !altered ? source.original : count > 0 && files.size === 0 ? "" : textOf(lines) };
  });
  for (const [name, { source, start, texts }] of contents) {
    const kept = first.get(name);
    problems.push(
      source.problem(
        "warning",
        start,
        `file ${quoted(name)} is listed with different contents: ${kept?.sha256} (${kept?.at}), which is imported, ${texts.join(", ")}: keep the one that production serves`,
      ),
    );
  }
  const [one] = again;
  if (one !== undefined)
    problems.push(
      one.source.problem(
        "warning",
        0,
        `means the same: ${countOf(again.length, "file")} listed again with the same sha256 in this project, once here`,
      ),
    );
  return read;
}

function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? "files: []\n" : `files:\n${lines.join("")}`;
}
