/** The commands of a document's sections: what a reader would type. */
import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../..");

/**
 * The commands below a heading, up to the next heading, in their order: each line of its `sh` blocks, with continued lines joined.
 * @throws if there is no such heading, or no command below it.
 */
export async function sectionCommands(document: string, heading: string): Promise<string[]> {
  const commands = (await commandsBySection(document)).get(heading);
  assert.ok(commands, `${document} has no heading "${heading}"`);
  assert.ok(commands.length > 0, `${document} has no commands below "${heading}"`);
  return [...commands];
}

/** The commands of every section, by its heading. */
export async function commandsBySection(document: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(join(root, document), "utf8");
  const sections = new Map<string, string[]>();
  let commands: string[] = [];
  for (const [, heading, language, block = ""] of text.matchAll(/^#+ (.+)$|^ *```(.*)\n([\s\S]*?)^ *```$/gm)) {
    if (heading !== undefined) {
      commands = [];
      sections.set(heading, commands);
    } else if (/^sh\b/.test(language ?? "")) commands.push(...lines(block));
  }
  return sections;
}

function lines(block: string): string[] {
  return block
    .replaceAll(/\s*\\\n\s*/g, " ")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** The sections of docs/operating.md that rehearsals follow: `followSection(drill, "heading")`. */
export async function followedSections(): Promise<ReadonlySet<string>> {
  const headings: string[] = [];
  for await (const file of glob("test/rehearsal/*.ts", { cwd: root })) {
    const text = await readFile(join(root, file), "utf8");
    headings.push(...[...text.matchAll(/\bfollowSection\(\s*[\w.]+,\s*"([^"]+)"/g)].map(([, heading = ""]) => heading));
  }
  return new Set(headings);
}
