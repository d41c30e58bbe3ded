/**
 * The spellings of a line that nearly all lines of manifests have: nothing, a comment, or dashes with a key, a value or both.
 * A value is on one line: text with or without quotes, or a list or a map of such texts in brackets. Without tabs, escapes, empty values,
 * anchors, aliases, tags, block scalars or marks of documents, and in ASCII but for comments.
 */
const simpleLine = spelled();

/** Whether all lines of a text are spelled in the simplest ways, and none is longer than a number of UTF-16 units. In linear time. */
export function hasSimpleLines(text: string, longest: number): boolean {
  for (let start = 0; start < text.length; start = simpleLine.lastIndex) {
    simpleLine.lastIndex = start;
    if (!simpleLine.test(text) || simpleLine.lastIndex - start > longest) return false;
  }
  return true;
}

/** In each repetition the next character says what comes, and no two repetitions meet, so that a line that does not match is given up in linear time. */
function spelled(): RegExp {
  const comment = String.raw`#[\t -~\u00a0-\ufefe]*`;
  // Keys end before the 1,024 characters at which YAML forbids them.
  const quoted = (most: string) => String.raw`(?:"[ !#-\[\]-~]${most}"|'[ -&(-~]${most}')`;
  const word = String.raw`\w(?:[\w./@+=-]|:(?=[\w/]))`;
  const key = `(?:${quoted("{0,1000}")}|${word}{0,1000})`;
  const words = String.raw`\w(?:[\w./@+=,()'-]|:(?=[\w/])| +(?=[\w(]))*`;
  const inBrackets = `(?:${quoted("*")}|${word}*)`;
  const list = String.raw`\[ *(?:${inBrackets}(?: *, *${inBrackets})* *)?\]`;
  const entry = `${key}: +${inBrackets}`;
  const map = String.raw`\{ *(?:${entry}(?: *, *${entry})* *)?\}`;
  const value = `(?:${quoted("*")}|${words}|${list}|${map})`;
  const content = `(?:- +)+${value}|(?:- +)*(?:${key}:(?: +${value})?|-)`;
  return new RegExp(`(?: *(?:${comment})?| *(?:${content})(?: +${comment})? *)(?:\\n|$)`, "y");
}
