/**
 * What a mirror's status says. The same for registries and buckets: a bucket answers 403 for an object that it lacks to clients that may not list it (S3 API,
 * HeadObject), a registry answers 401 or 403 for a repository that it does not show to everyone. Either way this mirror does not serve the object, and another may.
 */

/**
 * Of an object, asked for by HEAD as anonymously as clients ask:
 * `present`: send clients there (a redirect leads to where it is); `absent`, `refused`: send them to another mirror; `busy`: ask it less, its clients
 * stay; `failing`: send them to another mirror, and five such objects in a row speak against the mirror.
 */
export type ObjectStatus = "present" | "absent" | "refused" | "busy" | "failing";

/** What the status of an object says. Any other refusal than those named (400 for a path that is too long, 405, 451) is about this object or this request. */
export function objectStatus(status: number): ObjectStatus {
  if (status >= 200 && status < 400) return "present";
  if (status === 404 || status === 410) return "absent";
  if (status === 429) return "busy";
  if (status === 408 || status === 425 || status < 200 || status >= 500) return "failing";
  return "refused";
}

/**
 * Whether the status of a mirror's root (`/v2/`, `/`), or of its `probePath`, says that it serves. A registry may ask at its root who we are and a bucket refuse
 * to be listed, so that below 500 is enough there; a `probePath` is an object and has to be there.
 */
export function isServing(status: number, hasProbePath: boolean): boolean {
  return status < (hasProbePath ? 400 : 500);
}
