import type { ImageMirror, LayerMirror } from "../promotion/run/request.ts";
import { readStoreAddress, storeAddress } from "../promotion/run/store-address.ts";
import type { StackConfig } from "../stack/config.ts";
import type { Region } from "../stack/geography.ts";
import type { ImageStore } from "../stack/image-store-format.ts";

/** Name of the image mirror that a region's bucket is. */
export function bucketMirrorName({ cloud, name }: Pick<Region, "cloud" | "name">): string {
  return `images-${cloud === "gcp" ? "gcs" : "s3"}-${name}`;
}

/** Name of the image mirror that a store outside of the stack's clouds is. */
export function storeMirrorName({ name }: Pick<ImageStore, "name">): string {
  return `images-${name}`;
}

/** Address of the image mirror that a region's bucket is. */
export function bucketMirrorAddress({ cloud, name }: Pick<Region, "cloud" | "name">, bucket: string): string {
  return storeAddress(cloud === "gcp" ? { kind: "gcs", bucket, region: "" } : { kind: "s3", bucket, region: name });
}

/** The regions whose buckets are image mirrors. */
export function regionsWithImages<R extends Region>(
  config: { readonly gcpRegions: readonly R[]; readonly awsRegions: readonly R[] } & Pick<StackConfig, "imageBuckets">,
): R[] {
  return [...config.gcpRegions, ...config.awsRegions].filter(({ name }) => config.imageBuckets.has(name));
}

/** The image mirrors outside of the stack's clouds. */
export function storeMirrors(stores: readonly ImageStore[]): (ImageMirror & { readonly region: string })[] {
  return stores.map((store) => {
    const { bucket, region, endpoint, keys, near, lock } = store;
    const repository = storeAddress({ kind: "s3", bucket, region, endpoint, keys, lock });
    return { name: storeMirrorName(store), repository, region: near };
  });
}

/** The buckets in S3 that hold image layers only: those that are image mirrors hold them as such. */
export function layerMirrorsOf<Mirror extends LayerMirror & { readonly kind: "gcs" | "s3" }>(
  images: readonly ImageMirror[],
  files: readonly Mirror[],
): Mirror[] {
  const whole = new Set(
    images.flatMap(({ repository }) => {
      const address = readStoreAddress(repository);
      return address?.kind === "s3" && address.endpoint === undefined ? [address.bucket] : [];
    }),
  );
  return files.filter(({ kind, bucket }) => kind === "s3" && !whole.has(bucket));
}
