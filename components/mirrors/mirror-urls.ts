import type { Region } from "../stack/geography.ts";
import type { StorageEndpoints } from "../stack/storage-endpoints.ts";

/**
 * Base of the registry API for a repository: `us-central1-docker.pkg.dev/p/images` is read at
 * `https://us-central1-docker.pkg.dev/v2/p/images` (OCI distribution spec, "Endpoints"). A registry on a loopback
 * address is plain http, as in Docker.
 */
export function registryUrl(repository: string): string {
  const slash = repository.indexOf("/");
  const host = slash < 0 ? repository : repository.slice(0, slash);
  const path = slash < 0 ? "" : repository.slice(slash);
  const scheme = /^(127(\.\d+){3}|localhost|\[::1\])(:\d+)?$/.test(host) ? "http" : "https";
  return `${scheme}://${host}/v2${path}`;
}

/**
 * Public URL of a bucket, without a trailing slash, at the endpoint that the cloud's provider is configured with. For
 * S3 it is the dual-stack endpoint, which also answers on IPv6.
 */
export function publicBucketUrl(
  bucket: string,
  region: Pick<Region, "cloud" | "name">,
  storage: StorageEndpoints,
): string {
  if (region.cloud === "gcp") {
    const origin =
      storage.gcsEndpoint === undefined ? "https://storage.googleapis.com" : new URL(storage.gcsEndpoint).origin;
    return `${origin}/${bucket}`;
  }
  if (storage.s3Endpoint === undefined) return `https://${bucket}.s3.dualstack.${region.name}.amazonaws.com`;
  const endpoint = new URL(storage.s3Endpoint);
  return storage.s3UsePathStyle ? `${endpoint.origin}/${bucket}` : `${endpoint.protocol}//${bucket}.${endpoint.host}`;
}
