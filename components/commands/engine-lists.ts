import { previewHeadings } from "../promotion/run/preview-headings.ts";

/**
 * The lists that the promotions' previews print within the engine's output, each line without its indentation: what is attached to the new images, and who
 * signed and built them. Hostile text, as the whole output is. Pure.
 */
export function engineLists(output: string): {
  readonly attachments: readonly string[];
  readonly trust: readonly string[];
} {
  const lists = { attachments: [] as string[], trust: [] as string[] };
  let open: string[] | undefined;
  for (const line of output.split("\n")) {
    const heading = (["attachments", "trust"] as const).find((name) => line.trimEnd().endsWith(previewHeadings[name]));
    if (heading !== undefined) open = lists[heading];
    else if (/^ {2,}\S/.test(line) && !/^ *(info|warning|error|Diagnostics|[a-z]+:\w+:\w+ \()/.test(line))
      open?.push(line.trim());
    else open = undefined;
  }
  return lists;
}
