import { quoted } from "./problem.ts";

/** Characters that look like others, or like nothing, in most fonts: what they pass for. */
const lookAlikes: Readonly<Record<string, string>> = {
  "\u00a0": "a no-break space",
  "\u202f": "a narrow no-break space",
  "\u3000": "an ideographic space",
  "\u00ad": "a soft hyphen",
  "\u200b": "a zero-width space",
  "\u200c": "a zero-width non-joiner",
  "\u200d": "a zero-width joiner",
  "\u2060": "a word joiner",
  "\ufeff": "a byte order mark",
  "\u2010": "not the hyphen of the keyboard",
  "\u2011": "not the hyphen of the keyboard",
  "\u2012": "not the hyphen of the keyboard",
  "\u2013": "an en dash, not a hyphen",
  "\u2014": "an em dash, not a hyphen",
  "\u2212": "a minus sign, not a hyphen",
  "\u2215": "not the slash of the keyboard",
  "\u2024": "not the dot of the keyboard",
  "\u2018": "a typographic quotation mark",
  "\u2019": "a typographic quotation mark",
  "\u201c": "a typographic quotation mark",
  "\u201d": "a typographic quotation mark",
};
const scripts = [
  ["Cyrillic", /\p{Script=Cyrillic}/u],
  ["Greek", /\p{Script=Greek}/u],
  ["full-width", /[\uff01-\uff5e]/u],
] as const;

/**
 * The first character of a text that is not allowed, so that a reader sees which one it is: `"+"`; of what is not ASCII, with its code point
 * and, where it passes for another, its name: `U+00A0 (a no-break space)`.
 * @returns undefined if all are allowed.
 */
export function oddCharacter(text: string, allowed: RegExp): string | undefined {
  const odd = [...text].find((character) => !allowed.test(character));
  if (odd === undefined) return undefined;
  const code = odd.codePointAt(0)!;
  if (code >= 0x20 && code < 0x7f) return quoted(odd);
  const point = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const passesFor = lookAlikes[odd] ?? scriptOf(odd);
  if (passesFor !== undefined) return `${point} (${passesFor})`;
  return /[\p{C}\p{Z}\p{M}]/u.test(odd) ? point : `${quoted(odd)} (${point})`;
}

/** A letter that most fonts draw as a Latin one may be of another script. */
function scriptOf(character: string): string | undefined {
  const script = scripts.find(([, pattern]) => pattern.test(character))?.[0];
  return script === undefined ? undefined : `a ${script} character: type it again`;
}
