import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { printableLines } from "../promotion/text/printable.ts";

/**
 * Writes a report where a workflow takes it from: `comment-1.md`, `comment-2.md`, ... for the pull request, and `details.txt`, all details whole, as
 * an artifact, without what would control a terminal. The folder is emptied first.
 */
export async function writeComments(
  folder: string,
  comments: readonly string[],
  details: readonly { readonly heading: string; readonly text: string }[],
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [index, comment] of comments.entries()) await writeFile(join(folder, `comment-${index + 1}.md`), comment);
  const whole = details.map(({ heading, text }) => `${heading}\n\n${printableLines(text)}\n`).join("\n");
  await writeFile(join(folder, "details.txt"), whole);
}
