/** Below so many paths single requests are as fast as a listing. */
const fewestPaths = 64;

/** A listing may have so many objects for each path that is looked for: it has 1,000 on a page. */
const objectsForEach = 20;

/** A prefix to list in place of asking for each path. */
export interface ListingPrefix {
  readonly prefix: string;
  /** Objects at which the listing is no longer worth it. */
  readonly most: number;
}

/**
 * The folder that all of many paths are in, if a listing of it takes fewer requests than asking for each.
 * @param paths what is looked for.
 * @param all what is expected to be there.
 */
export function listingPrefix(paths: readonly string[], all: Iterable<string>): ListingPrefix | undefined {
  if (paths.length < fewestPaths) return undefined;
  const prefix = folderOf(paths);
  const most = paths.length * objectsForEach;
  let expected = 0;
  for (const path of all) if (path.startsWith(prefix)) expected++;
  return expected <= most ? { prefix, most } : undefined;
}

/** The longest folder that all paths are in, with its slash; "" if it is the root. */
function folderOf([first = "", ...others]: readonly string[]): string {
  let length = first.lastIndexOf("/") + 1;
  for (const path of others) {
    while (length > 0 && !path.startsWith(first.slice(0, length))) length = first.lastIndexOf("/", length - 2) + 1;
  }
  return first.slice(0, length);
}
