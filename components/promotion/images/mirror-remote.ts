import type { Remote } from "../oci/remote.ts";
import { repositoryAt } from "../oci/repository.ts";
import type { StorageSettings } from "../run/request.ts";
import { readStoreAddress } from "../run/store-address.ts";
import type { Dependencies } from "./dependencies.ts";

/**
 * An image in a mirror: a repository of a registry, or the image's objects in a bucket.
 * @param mirror the mirror's registry URI or store address.
 * @param name the image's name in production.
 * @throws Error for an address or name that cannot be one.
 */
export function mirrorRemote(
  { transport, store }: Pick<Dependencies, "transport" | "store">,
  storage: StorageSettings,
  mirror: string,
  name: string,
  signal: AbortSignal,
): Remote {
  const address = readStoreAddress(mirror);
  if (address === undefined) return { transport, repository: repositoryAt(mirror, name), signal };
  const { bucket, registry } = store(storage, address);
  return { transport: registry, repository: { host: bucket.url, origin: bucket.url, name }, signal };
}
