/**
 * Whether tags match one of a project's patterns of mutable tags; in a pattern `*` stands for any run of characters.
 * Time is linear in the tag for each pattern: the patterns are other people's.
 */
export function tagMatcher(patterns: readonly string[]): (tag: string) => boolean {
  return (tag) => patterns.some((pattern) => matches(pattern, tag));
}

/** Greedy from left to right: a part between two stars may always take its first place, the last part takes the end. */
function matches(pattern: string, tag: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return tag === pattern;
  if (!tag.startsWith(first) || !tag.endsWith(last) || tag.length < first.length + last.length) return false;
  let at = first.length;
  const end = tag.length - last.length;
  for (const part of rest) {
    const found = tag.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
