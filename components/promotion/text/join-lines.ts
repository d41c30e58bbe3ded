/** Lines as texts have them here: sorted, each ending in a newline. */
export function joinLines(lines: Iterable<string>): string {
  return [...lines]
    .sort()
    .map((line) => `${line}\n`)
    .join("");
}
