/**
 * Where things lie in production: keys of objects in file mirrors, and the paths by which clients ask for them. With config.ts this is the contract
 * between the redirector, which sends clients there, and the program and its promotions, which put things there.
 */

/** Begins the keys of all published files. */
export const filesFolder = "binaries/";

/** Begins the keys of image layers in an S3 mirror. */
export const layersFolder = "containers/images/";

/** Begins the keys of the catalogue's documents, in every file mirror. Public since 0.1.0, so its spelling stays. */
export const catalogueFolder = "catalog/";

/** What the keys of all a project's files begin with. An empty prefix is the root. */
export function filesPrefix(prefix: string): string {
  return `${filesFolder}${below(prefix, "")}`;
}

/** Key of a project's file. */
export function fileKey(prefix: string, path: string): string {
  return `${filesPrefix(prefix)}${path}`;
}

/** Path of an object on the host that clients use: `/` and its key, percent-encoded but for what `encodeURI` leaves. */
export function objectPath(key: string): string {
  return `/${encodeURI(key)}`;
}

/** Key of an image layer in an S3 mirror. */
export function layerKey(digest: string): string {
  return `${layersFolder}${digest}`;
}

/**
 * Name of an image below a mirror's repository, and on the host that clients use. A name that starts with `/` is from the root, whatever the
 * project's prefix is: that of an image in a further destination of the project.
 */
export function imageName(prefix: string, image: string): string {
  return image.startsWith("/") ? image.slice(1) : below(prefix, image);
}

/** The image that has a name in production, as its project's lines have it: the inverse of {@link imageName}. */
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
