import { imageName } from "../../../redirector/object-paths.ts";
import { mayPush } from "../oci/blobs.ts";
import { type NewMirror, unknownTo } from "../run/grant-waits.ts";
import type { ImagesRequest } from "../run/request.ts";
import { readStoreAddress, type StoreAddress } from "../run/store-address.ts";
import { bucketUrl } from "../storage/bucket.ts";
import type { Dependencies } from "./dependencies.ts";
import { mirrorRemote } from "./mirror-remote.ts";
import type { ImagesRun } from "./run.ts";

/** The mirrors of images, and of the catalogue that lists them, that the last run did not have. */
export function newImageMirrors(
  { request, plan }: ImagesRun,
  previous: ImagesRequest | undefined,
  dependencies: Pick<Dependencies, "transport" | "store">,
): NewMirror[] {
  const [image] = plan.wanted.keys();
  if (image === undefined) return [];
  const { storage, prefix, mirrors, catalogue = [] } = request;
  const inBucket = (name: string, address: StoreAddress): NewMirror => ({
    name,
    address: bucketUrl(address),
    mayWrite: (signal) => dependencies.store(storage, address).bucket.mayWrite(signal),
  });
  return [
    ...unknownTo(previous?.mirrors, mirrors).map(({ name, repository }) => {
      const address = readStoreAddress(repository);
      if (address) return inBucket(name, address);
      const mayWrite = (signal: AbortSignal) =>
        mayPush(mirrorRemote(dependencies, storage, repository, imageName(prefix, image), signal));
      return { name, address: repository, mayWrite };
    }),
    ...unknownTo(previous?.catalogue, catalogue).map(({ name, kind, bucket, region }) =>
      inBucket(name, { kind, bucket, region: kind === "gcs" ? "" : region }),
    ),
  ];
}
