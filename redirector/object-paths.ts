/**
 * Object paths in production: keys of objects in file mirrors, and the URL paths that clients use. With config.ts this is the contract between the
 * redirector, which redirects clients to these objects, and the program and its promotions, which write them.
 */

/** Prefix of the keys of all published files. */
export const filesFolder = "binaries/";

/** Prefix of the keys of image layers in an S3 mirror. */
export const layersFolder = "containers/images/";

/** Prefix of the keys of the catalogue's documents in every file mirror. The spelling is public since 0.1.0 and must not change. */
export const catalogueFolder = "catalog/";

/** Bytes of the longest key that an object can have, in UTF-8 (Amazon S3, "Naming Amazon S3 objects"; Cloud Storage, "Object names"). */
export const longestKey = 1024;

/** Prefix of the keys of a project's files. An empty project prefix is the root. */
export function filesPrefix(prefix: string): string {
  return `${filesFolder}${below(prefix, "")}`;
}

/** Key of a project's file. */
export function fileKey(prefix: string, path: string): string {
  return `${filesPrefix(prefix)}${path}`;
}

/** Path of an object on the host that clients use: `/` and its key, percent-encoded by `encodeURI`. */
export function objectPath(key: string): string {
  return `/${encodeURI(key)}`;
}

/** Key of an image layer in an S3 mirror, and of any blob in a bucket that is an image mirror. */
export function layerKey(digest: string): string {
  return `${layersFolder}${digest}`;
}

/**
 * Prefix of the keys of OCI manifests and lists in a bucket that is an image mirror. Below it, a part of a name that begins with `_` is never
 * part of an image's name (OCI distribution specification, "Pulling manifests"), so that no image's object is where another image's folder is.
 */
export const registryFolder = "containers/registry/";

/** Key of an OCI manifest in a bucket, by digest or by tag. */
export function manifestKey(name: string, reference: string): string {
  return `${registryFolder}${name}/_manifests/${reference}`;
}

/** Key of the list of an image's tags in a bucket. */
export function tagsKey(name: string): string {
  return `${registryFolder}${name}/_tags/list`;
}

/** Key of the list of what is attached to a digest in a bucket. */
export function referrersKey(name: string, subject: string): string {
  return `${registryFolder}${name}/_referrers/${subject}`;
}

/** Whether the object with this key, in a bucket that is an image mirror, may be replaced: tags and lists, but no digest and no blob. */
export function isReplaceableKey(key: string): boolean {
  return key.startsWith(registryFolder) && /\/_(tags\/list|referrers\/[^/]+|manifests\/[^/:]+)$/.test(key);
}

/**
 * Name of an image below a mirror's repository, and on the host that clients use. A name that starts with `/` ignores the project's prefix and
 * starts at the root: an image in another destination of the project.
 */
export function imageName(prefix: string, image: string): string {
  return image.startsWith("/") ? image.slice(1) : below(prefix, image);
}

/** The image with this name in production, as the project's manifest names it: the inverse of {@link imageName}. */
export function imageBelow(prefix: string, name: string): string {
  if (prefix === "") return name;
  return name.startsWith(`${prefix}/`) ? name.slice(prefix.length + 1) : `/${name}`;
}

/** Path of an OCI manifest, by tag or digest (OCI distribution specification, "Pulling manifests"). */
export function manifestPath(prefix: string, image: string, reference: string): string {
  return `/v2/${imageName(prefix, image)}/manifests/${reference}`;
}

function below(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}/${name}`;
}
