/**
 * Whether texts match one of the patterns; in a pattern `*` stands for any run of characters. The time is linear in the text's length for each
 * pattern, as patterns are untrusted input.
 */
export function globMatcher(patterns: readonly string[]): (tag: string) => boolean {
  return (tag) => patterns.some((pattern) => matches(pattern, tag));
}

/** Greedy from left to right: a part between two stars matches at its first occurrence, the last part at the end. */
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
