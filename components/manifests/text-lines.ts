/** The line end that a text uses: that of its first line. */
export function lineEndOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/**
 * The text from the start of a line to an offset in it, if it is only spaces; otherwise undefined.
 */
export function indentBefore(text: string, offset: number): string | undefined {
  const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^ *$/.test(before) ? before : undefined;
}

/**
 * Inserts lines after the line of an offset. A text without a final newline stays without one.
 */
export function insertAfter(text: string, offset: number, lines: readonly string[]): string {
  const newline = lineEndOf(text);
  const end = text.indexOf("\n", offset);
  if (end === -1) return text + lines.map((line) => newline + line).join("");
  return text.slice(0, end + 1) + lines.map((line) => line + newline).join("") + text.slice(end + 1);
}

/** Inserts lines before the line of an offset. */
export function insertBefore(text: string, offset: number, lines: readonly string[]): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  return text.slice(0, start) + lines.map((line) => line + lineEndOf(text)).join("") + text.slice(start);
}

/** Removes all lines from that of one offset to that of another. */
export function removeLines(text: string, first: number, last: number): string {
  const start = text.lastIndexOf("\n", first - 1) + 1;
  const end = text.indexOf("\n", last);
  if (end !== -1) return text.slice(0, start) + text.slice(end + 1);
  return text.slice(0, start).replace(/\r?\n$/, "");
}

/** The comments, each with its `#`, on the lines directly above that of an offset. */
export function commentsAbove(text: string, offset: number): string[] {
  const comments: string[] = [];
  for (let end = text.lastIndexOf("\n", offset - 1); end > 0; ) {
    const start = text.lastIndexOf("\n", end - 1);
    const line = text.slice(start + 1, end).trim();
    if (!line.startsWith("#")) break;
    comments.unshift(line);
    end = start;
  }
  return comments;
}
