import { parseFull } from "./full.ts";
import { parseRegular } from "./regular.ts";
import type { Parsed } from "./tree.ts";

/** Parses a manifest's text (without byte order mark) in time linear to its length. Never throws. */
export function parseYaml(text: string): Parsed {
  const regular = parseRegular(text);
  return regular === undefined ? parseFull(text) : { ok: true, root: regular.root };
}
