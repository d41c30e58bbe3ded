/**
 * The meaning of a mirror's HTTP status, the same for registries and buckets. A bucket returns 403 for a missing object to clients that may not list it (S3 API,
 * HeadObject), a registry 401 or 403 for a repository that is not public. In both cases this mirror does not serve the object, and another one may.
 */

/**
 * The meaning of the status of an anonymous HEAD for an object:
 * `present`: redirect clients there (also if the mirror itself redirects); `absent`, `refused`: redirect them to another mirror; `busy`: for a while
 * redirect all its clients to another mirror, since its quota is theirs too; `failing`: redirect them to another mirror; five such objects in a row open the mirror's circuit breaker.
 */
export type ObjectStatus = "present" | "absent" | "refused" | "busy" | "failing";

/** Maps the status of an object. Every other 4xx (400 for a path that is too long, 405, 451) concerns only this object or request. */
export function objectStatus(status: number): ObjectStatus {
  if (status >= 200 && status < 400) return "present";
  if (status === 404 || status === 410) return "absent";
  if (status === 429) return "busy";
  if (status === 408 || status === 425 || status < 200 || status >= 500) return "failing";
  return "refused";
}

/**
 * Whether the status of a mirror's root (`/v2/`, `/`), or of its `probePath`, means that it serves. At its root a registry may require authentication and a bucket may
 * refuse a listing, so any status below 500 is enough there; a `probePath` is an object and must exist.
 */
export function isServing(status: number, hasProbePath: boolean): boolean {
  return status < (hasProbePath ? 400 : 500);
}
