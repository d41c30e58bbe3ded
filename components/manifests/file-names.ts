/**
 * Paths of files: what Cloud Storage and S3 both serve under the same URL, and what stays readable in URLs, shells, SHA256SUMS and diffs. Letters and
 * digits of any script, spaces inside a name, and `. _ + ~ @ = , ( ) -`.
 */
import { oddCharacter } from "./odd-character.ts";
import { quoted } from "./problem.ts";

const plainCharacters = "\\p{L}\\p{N}._+~@=,()\\-";
/** A mark (an accent that is a character of its own) follows a letter. */
const characterSource = `(?:[${plainCharacters} ]|(?<=[\\p{L}\\p{M}])\\p{M})`;

/** One segment of a path: no `.` or `..`, no space at its ends. @param more characters of a pattern. */
function segmentSource(more = ""): string {
  const character = more === "" ? characterSource : `(?:${characterSource}|[${more}])`;
  return `(?!\\.{1,2}(?:\\/|$))(?! )${character}{1,255}(?<! )`;
}

function pathSource(segment: string): string {
  return `(?=.{1,512}$)(?!.* {2})${segment}(?:\\/${segment})*`;
}

/** A file's path, as far as a pattern can say it; {@link isFilePath} says the rest. */
export const filePattern = new RegExp(`^${pathSource(segmentSource())}$`, "u");

/** A pattern of files' paths: a path in which `*` stands for any run of characters, slashes too. */
export const fileGlobPattern = new RegExp(`^${pathSource(segmentSource("*"))}$`, "u");

/** Names of files that a project shares: one name, `folder/*` for all below a folder, `*` for all. */
export const sharedFilePattern = new RegExp(`^(?:\\*|${pathSource(segmentSource())}(?:\\/\\*)?)$`, "u");

/** What nearly all paths are: it needs no further look. */
const plainPath = /^(?=.{1,512}$)(?!\.{1,2}(?:\/|$))[\w.+~@=,-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[\w.+~@=,-]{1,255})*$/;

/** Whether a text is a file's path: 512 bytes at most, 255 a segment (file systems; S3 and GCS allow 1024 with the prefix). */
export function isFilePath(text: string): boolean {
  return fileError(text) === undefined;
}

/** Scripts that are written from right to left: their blocks in Unicode. Beside them, digits and punctuation of a line change their places. */
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const allowed = new RegExp(`[${plainCharacters}\\p{M} /]`, "u");
const rule = "letters, digits, spaces and . _ + ~ @ = , ( ) - are allowed";

/** What is wrong with a file's path, and what to write; undefined if nothing is. */
export function fileError(text: string): string | undefined {
  if (plainPath.test(text)) return undefined;
  const name = `file name ${quoted(text)}`;
  if (text === "") return "a file needs a name: its path below the project's";
  if (text.length > 512) return `${name} has ${text.length} characters: 512 at most`;
  if (text.startsWith("/")) return `${name} starts with a slash: write it relative to the project's folder`;
  const segments = text.split("/");
  if (segments.includes("..") || segments.includes("."))
    return `${name} has a segment . or ..: write the path it means`;
  if (segments.includes("")) return `${name} has an empty segment: remove the doubled or last slash`;
  if (segments.some((segment) => segment.length > 255)) return `${name} has a segment of more than 255 characters`;
  const odd = oddCharacter(text, allowed);
  if (odd !== undefined) return `${name} has the character ${odd}: ${rule}`;
  if (Buffer.byteLength(text) > 512) return `${name} has ${Buffer.byteLength(text)} bytes: 512 at most`;
  if (segments.some((segment) => Buffer.byteLength(segment) > 255))
    return `${name} has a segment of more than 255 bytes`;
  if (rightToLeft.test(text))
    return `${name} has a letter that is written from right to left, which changes the order of what stands beside it: use another script`;
  // Two spellings of one name are two objects in a store (Unicode Standard Annex 15).
  if (text !== text.normalize("NFKC"))
    return `${name} is not in Unicode's form NFKC: write ${quoted(text.normalize("NFKC"))}`;
  const mixed = foreignLetter(text);
  if (mixed !== undefined) return `${name} has the character ${mixed} in a word of another script: ${rule}`;
  return filePattern.test(text)
    ? undefined
    : `${name} has a space at the end of a segment, two in a row, or a mark without a letter`;
}

const eastAsian = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Bopomofo}";
const latin = /\p{Script=Latin}/u;
const besideLatin = new RegExp(`[\\p{Script=Latin}\\p{Script=Common}\\p{Script=Inherited}${eastAsian}]`, "u");
const besideCyrillic = /[^\p{Script=Greek}]/u;

/** A letter that passes for one of the script of its word (Unicode Technical Standard 39, "Restriction-Level Detection", for each word). */
function foreignLetter(text: string): string | undefined {
  for (const word of text.match(/[\p{L}\p{M}]+/gu) ?? []) {
    const odd = latin.test(word)
      ? oddCharacter(word, besideLatin)
      : /\p{Script=Cyrillic}/u.test(word)
        ? oddCharacter(word, besideCyrillic)
        : undefined;
    if (odd !== undefined) return odd;
  }
  return undefined;
}
