import type { Bucket } from "../storage/bucket.ts";
import { nearest } from "../text/nearest.ts";
import { printable } from "../text/printable.ts";

/** Names that are shown. */
const mostNames = 5;

/**
 * What staging has in the folder where a file should be, so that whoever wrote its path into the manifest sees the mistake.
 * @param folder of the bucket that the project stages in, with a slash, or "".
 * @returns a clause for a message that says that the file is absent; undefined if nothing more is known.
 */
export async function explainMissingFile(
  staging: Bucket,
  folder: string,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const parent = path.slice(0, path.lastIndexOf("/") + 1);
  try {
    for await (const page of staging.pages(`${folder}${parent}`, signal)) {
      const names = page.map(({ key }) => key.slice(folder.length));
      if (names.length > 0) return said(nearest(path, names), names);
    }
    return `staging has nothing ${parent === "" ? "at all" : `below ${parent}`}`;
  } catch {
    signal.throwIfAborted();
    return undefined; // an explanation, no check
  }
}

function said(meant: string | undefined, names: readonly string[]): string {
  if (meant !== undefined) return `staging has ${printable(meant, 200)}: did you mean that?`;
  const shown = names.slice(0, mostNames).map((name) => printable(name, 100));
  return `staging has ${shown.join(", ")}${names.length > mostNames ? " and more" : ""} there`;
}
