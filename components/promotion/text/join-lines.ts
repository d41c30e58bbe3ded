/** Joins lines in the format of all texts of lines: sorted, each ending in a newline. */
export function joinLines(lines: Iterable<string>): string {
  return [...lines]
    .sort()
    .map((line) => `${line}\n`)
    .join("");
}
