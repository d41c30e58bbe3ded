import type { Differences } from "./request.ts";

/**
 * Differences in the form in which they are recorded: in the mirrors' order, so that the same contents give the same
 * text in the audit and in the state; without mirrors that have exactly the wanted lines.
 * @param differences each mirror's text, by its name; absent if the mirror could not be read.
 */
export function differencesIn(
  mirrors: readonly { readonly name: string }[],
  differences: ReadonlyMap<string, string>,
): Differences {
  const texts = mirrors.map(({ name }) => [name, differences.get(name) ?? ""] as const);
  return Object.fromEntries(texts.filter(([, text]) => text !== ""));
}

/** What follows a sign (`+ `, `- ` or `~ `) in those of the lines that begin with it. */
export function afterSign(sign: "+ " | "- " | "~ ", lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith(sign) ? [line.slice(sign.length)] : []));
}
