/**
 * The grammar of names, tags and digests (OCI distribution spec 1.1, "Pulling manifests"; OCI image spec 1.1,
 * "Digests"), shared by manifests, plans and the client. Also as strings, to be parts of longer patterns.
 */

/** One path component of a repository name. */
const componentSource = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
/** A repository name: components joined by `/`. Callers limit its length. */
export const nameSource = `${componentSource}(?:\\/${componentSource})*`;
/** A tag. */
export const tagSource = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}";
/** A digest. Of the registered algorithms only sha256 is stored by every registry. */
export const digestSource = "sha256:[0-9a-f]{64}";

export const componentPattern = new RegExp(`^${componentSource}$`);
export const namePattern = new RegExp(`^${nameSource}$`);
export const tagPattern = new RegExp(`^${tagSource}$`);
export const digestPattern = new RegExp(`^${digestSource}$`);

/** The hex digits of a digest. */
export function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

/** The tags that are no names of a project's but belong to a digest, whatever follows its hex digits: what registries and clients attach. */
export const attachedTagPattern = /^sha256-[0-9a-f]{64}(?:\.|$)/;

/**
 * The digest that a tag belongs to by convention (cosign's, or the fallback of OCI distribution spec 1.1, "Referrers Tag Schema"); undefined: an
 * ordinary tag.
 */
export function subjectOfTag(tag: string): string | undefined {
  const hex = /^sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$/.exec(tag)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}
