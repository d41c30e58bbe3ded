import { appended, EditError, editText, inBraces, notInLines, plainOrQuoted, type Understanding } from "./edit.ts";
import { placeFor } from "./order.ts";
import type { File } from "./project.ts";
import { readFiles } from "./read-files.ts";
import { indentBefore, insertAfter, removeLines } from "./text-lines.ts";
import { entryAt, isNull, type ListNode, type Node, valueAt } from "./yaml/tree.ts";

/**
 * Adds a file to a manifest, in the order of its files. Everything else keeps its position, comments, style and line
 * ends. The text must be without errors. Does nothing if the file is already listed. Throws EditError if the name is
 * listed with another sha256 and may not move, or for flow style.
 * @param mayMove the file is mutable: its sha256 is replaced where it stands.
 */
export function addFile(text: string, file: File, mayMove = false): string {
  return editText(
    text,
    understanding,
    (files) => files.set(file.name, file.sha256),
    (content, root) => {
      const list = filesOf(root);
      const there = list?.items.find((item) => textAt(item, "name") === file.name);
      if (there !== undefined) {
        const sha256 = valueAt(there, "sha256");
        if (sha256?.kind === "scalar" && sha256.text === file.sha256) return content;
        if (mayMove && sha256?.kind === "scalar")
          return content.slice(0, sha256.start) + plainOrQuoted(file.sha256) + content.slice(sha256.end);
        throw new EditError(
          `file ${file.name} is already listed with sha256 ${textAt(there, "sha256") ?? "(none)"}: released files do not change; release it under another name, or add it to mutableFiles of project.yaml`,
        );
      }
      const [first] = list?.items ?? [];
      if (list === undefined || first === undefined) return addFirst(content, root, list, file);
      const dashes = indentBefore(content, list.start);
      const lead = content.slice(content.lastIndexOf("\n", first.start - 1) + 1, first.start);
      if (dashes === undefined || !/^ *- +$/.test(lead)) throw notInLines(content, first);
      const place = placeFor(
        file.name,
        list.items.map((item) => textAt(item, "name")),
      );
      const before = place === 0 ? entryAt(root ?? first, "files")?.key : list.items[place - 1];
      const lines = [
        `${lead}name: ${plainOrQuoted(file.name)}`,
        `${" ".repeat(lead.length)}sha256: ${plainOrQuoted(file.sha256)}`,
      ];
      return before === undefined ? content : insertAfter(content, before.end, lines);
    },
  );
}

/** Removes a file from a manifest. Throws EditError if it is not listed. */
export function removeFile(text: string, name: string): string {
  return editText(
    text,
    understanding,
    (files) => files.delete(name),
    (content, root) => {
      const list = filesOf(root);
      const item = list?.items.find((one) => textAt(one, "name") === name);
      const key = root === undefined ? undefined : entryAt(root, "files")?.key;
      if (list === undefined || item === undefined || key === undefined)
        throw new EditError(`there is no file ${name}`);
      if (inBraces(content, list) || inBraces(content, item)) throw notInLines(content, list);
      const removed = removeLines(content, item.start, item.end);
      return list.items.length > 1 ? removed : `${removed.slice(0, key.end)}: []${removed.slice(key.end + 1)}`;
    },
  );
}

const understanding: Understanding<Map<string, string>> = {
  read: (root, source) => new Map(readFiles(root, source, []).map(({ name, sha256 }) => [name.text, sha256.text])),
  describe: (files) => [...files].map(([name, sha256]) => `${name} ${sha256}`),
};

function filesOf(root: Node | undefined): ListNode | undefined {
  const list = root === undefined ? undefined : valueAt(root, "files");
  return list?.kind === "list" ? list : undefined;
}

function addFirst(content: string, root: Node | undefined, list: ListNode | undefined, file: File): string {
  const lines = [`- name: ${plainOrQuoted(file.name)}`, `  sha256: ${plainOrQuoted(file.sha256)}`];
  if (root === undefined || isNull(root)) return appended(content, ["files:", ...lines]);
  if (list === undefined) throw notInLines(content, root);
  const without = content.slice(0, list.start).replace(/ +$/, "") + content.slice(list.end);
  return insertAfter(without, Math.max(0, list.start - 1), lines);
}

function textAt(item: Node, key: string): string | undefined {
  const value = valueAt(item, key);
  return value?.kind === "scalar" ? value.text : undefined;
}
