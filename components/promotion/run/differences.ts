import type { Differences } from "./request.ts";

/**
 * Differences as they are recorded: in the mirrors' order, whichever answered first, so that the same contents give the same text, in the audit
 * and in the state; without mirrors that hold exactly what is wanted.
 * @param differences each mirror's text, by its name; none: nothing is known of it.
 */
export function differencesIn(
  mirrors: readonly { readonly name: string }[],
  differences: ReadonlyMap<string, string>,
): Differences {
  const texts = mirrors.map(({ name }) => [name, differences.get(name) ?? ""] as const);
  return Object.fromEntries(texts.filter(([, text]) => text !== ""));
}
