/** An object store that is an image mirror, in the place of a registry URI: `s3://<bucket>?region=<region>`, `gs://<bucket>`. */
export interface StoreAddress {
  readonly kind: "gcs" | "s3";
  readonly bucket: string;
  /** S3 needs it for its signatures; "" in Cloud Storage. */
  readonly region: string;
  /** The API of a store with S3's interface that is not Amazon's: `https://<account>.r2.cloudflarestorage.com`. */
  readonly endpoint?: string;
  /** The keys of such a store are in the environment: `<keys>_ACCESS_KEY_ID` and `<keys>_SECRET_ACCESS_KEY`. */
  readonly keys?: string;
  /** Days for which it must let nobody remove what was written: nothing is written where it does not. */
  readonly lock?: number | undefined;
}

/** The address as a text without blanks; {@link readStoreAddress} reads it. */
export function storeAddress({ kind, bucket, region, endpoint, keys, lock }: StoreAddress): string {
  if (kind === "gcs") return `gs://${bucket}`;
  const own = endpoint === undefined ? "" : `&endpoint=${encodeURIComponent(endpoint)}`;
  const more = `${keys === undefined ? "" : `&keys=${keys}`}${lock === undefined ? "" : `&lock=${lock}`}`;
  return `s3://${bucket}?region=${region}${own}${more}`;
}

/**
 * Reads the address of an object store; undefined for the URI of a registry.
 * @throws Error that quotes an address which is neither.
 */
export function readStoreAddress(text: string): StoreAddress | undefined {
  const [, scheme, rest] = /^([a-z0-9]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) return undefined;
  const [bucket = "", query = ""] = rest.split("?", 2);
  const options = new URLSearchParams(query);
  const [region, endpoint, keys, lock] = ["region", "endpoint", "keys", "lock"].map(
    (name) => options.get(name) ?? undefined,
  );
  const isBucket = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket);
  if (scheme === "gs" && isBucket && query === "") return { kind: "gcs", bucket, region: "" };
  if (scheme === "s3" && isBucket && region !== undefined) {
    return {
      kind: "s3",
      bucket,
      region,
      ...(endpoint !== undefined && { endpoint }),
      ...(keys !== undefined && { keys }),
      ...(lock !== undefined && { lock: Number(lock) }),
    };
  }
  throw new Error(`"${text}" is no image mirror: write <host>/<path>, s3://<bucket>?region=<region> or gs://<bucket>`);
}
