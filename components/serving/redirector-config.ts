/** The redirector's configuration, from a stack's config and the addresses of its mirrors. Pure: the program deploys it, a command prints it. */
import { configuredCriteria, type RedirectorConfigInput, type RedirectorSettings } from "../../redirector/config.ts";
import { storeMirrorName } from "../mirrors/bucket-mirrors.ts";
import { publicBucketUrl, registryUrl } from "../mirrors/mirror-urls.ts";
import type { FileMirror, ImageMirror } from "../promotion/run/request.ts";
import { readStoreAddress } from "../promotion/run/store-address.ts";
import type { StackConfig } from "../stack/config.ts";
import { type Cloud, findRegion, type Region, regions } from "../stack/geography.ts";
import type { ImageStore } from "../stack/image-store-format.ts";
import type { StorageEndpoints } from "../stack/storage-endpoints.ts";

/** What of a stack's config the redirector's depends on. */
export interface RedirectorConfigArgs {
  /** The name that clients use. */
  readonly host: string;
  /** Those of the image mirrors that are object stores elsewhere. */
  readonly imageStores: readonly ImageStore[];
  readonly storage: StorageEndpoints;
  /** Where clients read the buckets of some regions. */
  readonly publicUrls: Readonly<Record<string, string>>;
  /** Percent of all clients, by region or image store. */
  readonly clientShares: Readonly<Record<string, number>>;
  /** Names of regions that are out or about to be removed: their mirrors get no clients while others are healthy. */
  readonly drained: ReadonlySet<string>;
  /** Share of the requests that are logged, 0 to 1. */
  readonly logSampleRate: number;
  /** Settings of the redirector itself; its defaults apply to those left out. */
  readonly settings: RedirectorSettings;
}

/** What it depends on in the config of a stack. A region that is about to be removed is drained, too. */
export function redirectorConfigArgs(config: StackConfig): RedirectorConfigArgs {
  const { host, imageStores, storage, publicUrls, clientShares, logSampleRate, redirector: settings } = config;
  const drained = new Set([...config.drained, ...config.retiring]);
  return { host, imageStores, storage, publicUrls, clientShares, drained, logSampleRate, settings };
}

/** The mirrors of a redirector's configuration. */
export interface RedirectorMirrors {
  readonly imageMirrors: NonNullable<RedirectorConfigInput["imageMirrors"]>;
  readonly fileMirrors: NonNullable<RedirectorConfigInput["fileMirrors"]>;
}

/** The mirrors in the format of the redirector's config, canonical ones first. A drained mirror is used only when no other is healthy. */
export function mirrorsConfig(
  addresses: {
    readonly images: readonly (ImageMirror & { readonly region: string })[];
    readonly files: readonly FileMirror[];
  },
  { storage, publicUrls, clientShares, drained, imageStores, settings }: RedirectorConfigArgs,
): RedirectorMirrors {
  const urlOf = (bucket: string, cloud: "gcp" | "aws", region: string) =>
    publicUrls[region] ?? publicBucketUrl(bucket, { cloud, name: region }, storage);
  const weight = (region: string) => drained.has(region) && { weight: 0 };
  const preferred = configuredCriteria(settings);
  const cost = (costClass: number) => preferred.has("cheapest") && { costClass };
  const share = (name: string) => clientShares[name] !== undefined && { share: clientShares[name] };
  // Of a region with both, the bucket is what shares are about: its registry is the dearest door.
  const withBucket = new Set(
    addresses.images
      .filter(
        ({ name, repository }) => readStoreAddress(repository) && !imageStores.some((s) => storeMirrorName(s) === name),
      )
      .map(({ region }) => region),
  );
  return {
    imageMirrors: addresses.images.map(({ name, repository, region }) => {
      const address = readStoreAddress(repository);
      const common = { name, ...weight(region) };
      if (!address) {
        const percent = !withBucket.has(region) && share(region);
        return {
          ...common,
          url: registryUrl(repository),
          ...place("gcp", region),
          ...cost(costClasses.gcp),
          ...percent,
        };
      }
      const store = imageStores.find((each) => storeMirrorName(each) === name);
      if (store) {
        // `drained` names regions of the stack; this store is only near one.
        const near = place(findRegion("gcp", store.near) ? "gcp" : "aws", store.near);
        return {
          name,
          kind: "objects",
          url: store.url,
          ...near,
          cloud: "other",
          ...cost(store.costClass),
          ...share(store.name),
        };
      }
      const cloud = address.kind === "gcs" ? "gcp" : "aws";
      const url = urlOf(address.bucket, cloud, region);
      return {
        ...common,
        kind: "objects",
        url,
        ...place(cloud, region),
        ...cost(costClasses[cloud]),
        ...share(region),
      };
    }),
    fileMirrors: addresses.files.map(({ name, kind, bucket, region }) => {
      const cloud = kind === "gcs" ? "gcp" : "aws";
      const url = urlOf(bucket, cloud, region);
      const common = {
        name,
        url,
        ...place(cloud, region),
        ...weight(region),
        ...cost(costClasses[cloud]),
        ...share(region),
      };
      return { ...common, layers: kind === "s3" };
    }),
  };
}

/**
 * The order of the clouds by what they take for a TB to the internet: AWS less than Google Cloud (components/commands/prices.yaml). A store of
 * `artifacts:imageStores` names its own class, 0 if it does not: R2 takes nothing.
 */
const costClasses = { aws: 1, gcp: 2 } as const;

/** The config of a redirector in, or near, a region. @param runsIn what depends on where it runs. */
export function regionConfig(
  { host, logSampleRate, settings }: Pick<RedirectorConfigArgs, "host" | "logSampleRate" | "settings">,
  region: Region,
  mirrors: RedirectorMirrors,
  runsIn: { readonly trustedHops: number; readonly traceProject?: string },
): RedirectorConfigInput {
  const { trustedHops, traceProject } = runsIn;
  return {
    host,
    region: { name: region.name, latitude: region.latitude, longitude: region.longitude },
    trustedHops,
    ...mirrors,
    cloudRegions: regions.map(({ cloud, name, latitude, longitude }) => ({ cloud, name, latitude, longitude })),
    ...settings,
    log: { ...settings.log, sample: logSampleRate, ...(traceProject !== undefined && { traceProject }) },
  };
}

function place(cloud: Cloud, name: string) {
  const region = findRegion(cloud, name);
  if (region === undefined) throw new Error(`components/stack/geography.ts does not know the region ${name}`);
  const { latitude, longitude, members = [] } = region;
  const alsoAt = members.slice(1).map((member) => ({ latitude: member.latitude, longitude: member.longitude }));
  return { cloud, region: name, latitude, longitude, ...(alsoAt.length > 0 && { alsoAt }) };
}
