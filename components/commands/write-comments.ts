import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes a report where a workflow takes it from: `comment-1.md`, `comment-2.md`, ... for the pull request, and `details.txt`, all details whole, as
 * an artifact. The folder is emptied first.
 * @param details with texts that are printable.
 */
export async function writeComments(
  folder: string,
  comments: readonly string[],
  details: readonly { readonly heading: string; readonly text: string }[],
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [index, comment] of comments.entries()) await writeFile(join(folder, `comment-${index + 1}.md`), comment);
  const whole = details.map(({ heading, text }) => `${heading}\n\n${text}\n`).join("\n");
  await writeFile(join(folder, "details.txt"), whole);
}
