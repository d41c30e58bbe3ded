import { imageBelow, imageName } from "../../../redirector/object-paths.ts";
import type { Dependencies } from "../images/dependencies.ts";
import { sharedImagePromotion } from "../images/images.ts";
import { Parts, readHolding } from "../images/inventory.ts";
import { readReferences, referencesPrefix } from "../images/layer-references.ts";
import { linesOf } from "../images/lines.ts";
import { mirrorRemote } from "../images/mirror-remote.ts";
import type { Remote } from "../oci/remote.ts";
import { listRepositories, UnlistedError } from "../oci/repositories.ts";
import type { Context, ImageMirror, ImagesRequest, LayerMirror } from "../run/request.ts";
import { readStoreAddress } from "../run/store-address.ts";
import { printable } from "../text/printable.ts";
import { searchMirrors } from "./search-mirrors.ts";
import { type Owner, ownerOf, type Unmanaged, type UnmanagedArtifact } from "./unmanaged.ts";

/** Where to search for images that no manifest names. */
export interface ImagePlaces {
  readonly mirrors: readonly ImageMirror[];
  readonly layerMirrors: readonly LayerMirror[];
  readonly storage: ImagesRequest["storage"];
}

/**
 * Images in the mirrors that no project's manifest names: whole repositories, which no project's inventory shows.
 * Asks registries for their lists of repositories, and for the contents of each repository that no manifest names. In
 * S3, finds references of projects that no longer exist. Writes nothing.
 * @param owners all projects there are.
 * @internal exported for its tests.
 */
export async function findUnmanagedImages(
  { mirrors, layerMirrors, storage }: ImagePlaces,
  owners: readonly Owner[],
  dependencies: Dependencies,
  context: Context,
): Promise<Unmanaged> {
  const { signal } = context;
  const wanted = new Set(
    owners.flatMap(({ imagePrefix, images }) => images.map((image) => imageName(imagePrefix, image))),
  );
  const unlisted = new Map<string, string>();
  const inRegistries = searchMirrors(mirrors, signal, async ({ name, repository }) => {
    const address = readStoreAddress(repository);
    const remote = (path: string) => mirrorRemote(dependencies, storage, repository, path, signal);
    if (address) {
      const paths = await dependencies.store(storage, address).registry.images(signal);
      const read = paths.filter((path) => !wanted.has(path)).map((path) => readUnmanaged(remote, path, name, owners));
      return (await Promise.all(read)).flat();
    }
    const root = remote("");
    const names = await listRepositories(root).catch((error: unknown): readonly string[] => {
      if (!(error instanceof UnlistedError)) throw error;
      unlisted.set(name, error.message);
      return [];
    });
    const paths = names.map((each) => each.slice(root.repository.name.length + 1)).filter((path) => !wanted.has(path));
    const read = paths.map((path) => readUnmanaged(remote, path, name, owners));
    return (await Promise.all(read)).flat();
  });
  const inBuckets = searchMirrors(layerMirrors, signal, async ({ name, bucket: bucketName, region }) => {
    const bucket = dependencies.bucket(storage, bucketName, region);
    const references = readReferences(await dependencies.keys(bucket, referencesPrefix, signal));
    const removed = [...references].filter(([project]) => !owners.some((owner) => owner.project === project));
    return removed.flatMap(([project, its]) =>
      [...new Set(its.map(({ use }) => use))].map((line) => ({ kind: "images", mirror: name, project, line }) as const),
    );
  });
  const looked = await Promise.all([inRegistries, inBuckets]);
  const reasons = Map.groupBy(
    mirrors.map(({ name }) => name).filter((name) => unlisted.has(name)),
    (name) => unlisted.get(name)!,
  );
  return {
    found: looked.flatMap(({ found }) => found),
    unlisted: [...reasons].map(([why, names]) => `repositories that no manifest names, in ${names.join(", ")}: ${why}`),
    failures: looked.flatMap(({ failures }) => failures),
  };
}

/** Like {@link findUnmanagedImages}, over the connections of this process. */
export function unmanagedImages(places: ImagePlaces, owners: readonly Owner[], context: Context): Promise<Unmanaged> {
  return findUnmanagedImages(places, owners, sharedImagePromotion().dependencies, context);
}

/**
 * The contents of one repository that no manifest names; nothing if it is empty, since some registries keep empty
 * repositories.
 */
async function readUnmanaged(
  remote: (path: string) => Remote,
  path: string,
  mirror: string,
  owners: readonly Owner[],
): Promise<readonly UnmanagedArtifact[]> {
  const owner = ownerOf(path, owners, "images");
  const artifact = (line: string): UnmanagedArtifact => ({ kind: "images", mirror, project: owner?.project, line });
  let at: Remote;
  try {
    at = remote(path);
  } catch {
    return [artifact(printable(path, 100))]; // not a name that the registry's API accepts
  }
  const { digests, listed } = await readHolding(at, new Set(), new Set(), new Parts());
  // Google's registries also list manifests without a tag. Next to tagged images, parts of indexes and signatures add no information.
  const untagged = digests.size === 0 ? [...(listed?.untagged ?? [])] : [];
  const image = owner === undefined ? path : imageBelow(owner.imagePrefix, path);
  return [...digests, ...untagged.map((digest) => [digest, new Set<string>()] as const)]
    .flatMap(([digest, tags]) => linesOf(image, digest, tags))
    .sort()
    .map(artifact);
}
