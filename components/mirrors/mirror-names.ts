import type { FileMirror, ImageMirror } from "../promotion/run/request.ts";
import type { StackConfig } from "../stack/config.ts";
import type { Region } from "../stack/geography.ts";
import { bucketMirrorAddress, bucketMirrorName, regionsWithImages, storeMirrors } from "./bucket-mirrors.ts";

/** Name of a region's image mirror: of its resources, in messages and in commands. */
export function imageMirrorName(region: Pick<Region, "name">): string {
  return `images-${region.name}`;
}

/** Name of a region's file mirror: of its resources, in messages and in commands. */
export function fileMirrorName(region: Pick<Region, "cloud" | "name">): string {
  return `files-${region.cloud}-${region.name}`;
}

/** A region's image mirror, `<region>-docker.pkg.dev/<project>/<repository>`: the format of the output `registryUri` of a Docker repository. */
export function imageMirrorAddress(project: string, repository: string, region: Pick<Region, "name">): string {
  return `${region.name}-docker.pkg.dev/${project}/${repository}`;
}

/** Prefixes of buckets' names, by cloud, and whole names of some. */
export type BucketNaming = Pick<StackConfig, "organization" | "googlePrefix" | "bucketNames">;

/** Name of a region's production bucket; no two regions of the clouds have the same name. */
export function fileBucketName(
  { organization, googlePrefix, bucketNames }: BucketNaming,
  region: Pick<Region, "cloud" | "name">,
): string {
  return bucketNames[region.name] ?? `${region.cloud === "gcp" ? googlePrefix : organization}-artifacts-${region.name}`;
}

/** The names of a stack's buckets in AWS, as patterns of AWS's policies: a new region needs no new right. */
export function awsBucketPatterns({
  organization,
  bucketNames,
  awsRegions,
}: Pick<StackConfig, "organization" | "bucketNames" | "awsRegions">): string[] {
  if (awsRegions.length === 0) return [];
  return [`${organization}-artifacts-*`, ...awsRegions.flatMap(({ name }) => bucketNames[name] ?? [])];
}

/**
 * The addresses of a stack's mirrors, derived from these names, for commands that run without the engine. They equal
 * those of `Mirrors` in the real clouds. Canonical mirrors first.
 */
export function mirrorAddresses(
  config: Pick<
    StackConfig,
    "project" | "gcpRegions" | "awsRegions" | "imageRepository" | "imageBuckets" | "imageStores"
  > &
    BucketNaming,
): {
  readonly images: readonly (ImageMirror & { readonly region: string })[];
  readonly files: readonly FileMirror[];
} {
  return {
    images: [
      ...config.gcpRegions.map((region) => ({
        name: imageMirrorName(region),
        repository: imageMirrorAddress(config.project, config.imageRepository, region),
        region: region.name,
      })),
      ...regionsWithImages(config).map((region) => ({
        name: bucketMirrorName(region),
        repository: bucketMirrorAddress(region, fileBucketName(config, region)),
        region: region.name,
      })),
      ...storeMirrors(config.imageStores),
    ],
    files: [...config.gcpRegions, ...config.awsRegions].map((region) => ({
      name: fileMirrorName(region),
      kind: region.cloud === "gcp" ? "gcs" : "s3",
      bucket: fileBucketName(config, region),
      region: region.name,
    })),
  };
}
