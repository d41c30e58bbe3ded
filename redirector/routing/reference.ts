/**
 * The grammar of names, tags and digests: OCI distribution spec 1.1, "Pulling manifests", and OCI image spec 1.1, "Digests".
 * Valid names contain only characters that need no encoding in a URL path.
 */

const longestName = 255;
const longestTag = 128;
const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]*$/;
const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Whether the text is the name of a repository: at most 255 characters (the limit of most clients, which the spec's own text names). */
export function isRepositoryName(text: string): boolean {
  return text.length <= longestName && namePattern.test(text);
}

/** Whether the text is a digest of a registered algorithm (sha256, sha512). */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Whether the text is a tag, a tag that is too long, or not a tag. */
export function judgeTag(text: string): "tag" | "too-long" | "invalid" {
  if (!tagPattern.test(text)) return "invalid";
  return text.length <= longestTag ? "tag" : "too-long";
}
