import { digestPattern, nameSource, tagPattern } from "../promotion/text/oci-grammar.ts";
import { oddCharacter } from "./odd-character.ts";
import { quoted } from "./problem.ts";

/**
 * A project's name: lower-case words joined by `-`, at most 63 characters. It becomes the folder, a label (63) and part of the names of its
 * staging repository and bucket (63 each; staging-names.ts shortens them).
 */
export const projectPattern = /^(?=.{1,63}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/**
 * A repository name (OCI distribution spec 1.1, "Pulling manifests"), 200 at most: clients refuse 255 with the host's
 * name.
 */
export const imagePattern = new RegExp(`^(?=.{1,200}$)${nameSource}$`);

export { digestPattern, tagPattern };

/** A pattern of tags: a tag in which `*` stands for any run of characters. */
export const tagGlobPattern = /^[A-Za-z0-9_*][A-Za-z0-9._*-]{0,127}$/;

/** A file's sha256 in the format of filepromoter manifests: only the hex digits. */
export const sha256Pattern = /^[0-9a-f]{64}$/;

/** Names of images that a project shares: one name, `folder/*` for all below a folder, `*` for all. */
export const sharedImagePattern = new RegExp(`^(?:\\*|(?=.{1,200}$)${nameSource}(?:\\/\\*)?)$`);

/** A group's mail address. */
export const groupPattern =
  /^[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?@(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/;

/** A GitHub repository as `owner/name`. */
export const repositoryPattern = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;

/** The error for a text that is not a digest, with what to write. */
export function digestFault(text: string): string {
  const hex = text.replace(/^sha256:/i, "");
  if (/^sha(384|512):/i.test(text))
    return `${quoted(text)} is not supported, as not every registry stores digests other than sha256: push it with a sha256 digest`;
  if (/^[0-9a-f]{12}$/.test(text))
    return `${quoted(text)} is not a digest but a short image ID (\`docker images\`): \`docker push\` prints the digest`;
  const odd = oddCharacter(text, /[\x20-\x7e]/);
  if (!/^sha256:/i.test(text))
    return `${quoted(text)}${odd === undefined ? "" : ` (it has ${odd})`} is not a digest: write "sha256:" and 64 lower-case hex digits`;
  return hexFault(text, hex, "digest");
}

/** The error for a text that is not a file's sha256, with what to write. */
export function sha256Fault(text: string): string {
  if (/^sha256:/.test(text)) return `${quoted(text)}: a file's sha256 is 64 hex digits: remove "sha256:"`;
  return hexFault(text, text, "sha256");
}

function hexFault(text: string, hex: string, what: string): string {
  if (digestPattern.test(`sha256:${hex.toLowerCase()}`))
    return `${what} ${quoted(text)} has upper-case letters: write it in lower case`;
  if (/^[0-9a-fA-F]*$/.test(hex))
    return `${what} ${quoted(text)} has ${hex.length} hex digits instead of 64: copy it again`;
  const odd = oddCharacter(hex, /[\x21-\x7e]/);
  return `${what} ${quoted(text)} has characters other than 0-9a-f${odd === undefined ? "" : `, ${odd}`}: copy it again`;
}

/** The error for a text that is not an image name. */
export function imageFault(text: string): string {
  const rule = "lower-case letters and digits, joined by one . _ / , __ or dashes";
  if (text === "") return `an image needs a name: ${rule}`;
  if (text.length > 200) return `image name ${quoted(text)} has ${text.length} characters: 200 at most`;
  const odd = oddCharacter(text, /[\x20-\x7e]/);
  return `image name ${quoted(text)} is not a repository name${odd === undefined ? "" : ` (it has ${odd})`}: ${rule}${imagePattern.test(text.toLowerCase()) ? `; write ${quoted(text.toLowerCase())}` : ""}`;
}

/** The error for a text that is not a tag. */
export function tagFault(text: string): string {
  if (text === "") return "a tag is empty: remove it; for a digest without tags write []";
  if (text.length > 128) return `tag ${quoted(text)} has ${text.length} characters: 128 at most`;
  if (/^sha256:/.test(text)) return `tag ${quoted(text)} is a digest: digests are the keys of dmap, before their tags`;
  const helm = text.replaceAll("+", "_");
  // Helm, "Charts": registries take no plus signs, so that helm push writes an underscore.
  if (text.includes("+") && tagPattern.test(helm))
    return `tag ${quoted(text)} has a plus sign, which no tag has: helm push writes it as _, so this chart's tag is ${quoted(helm)}`;
  const odd = oddCharacter(text, /[A-Za-z0-9_.-]/);
  const which = odd === undefined || /^"[ -~]"$/.test(odd) ? "" : ` (it has ${odd})`;
  return `tag ${quoted(text)} is not a tag${which}: letters, digits, _ . - and not . or - first`;
}

/** A media type (RFC 6838, section 4.2). */
export const artifactTypePattern = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;
