import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import * as pulumi from "@pulumi/pulumi";
import { fileMirrorLines, imageMirrorLines, layerMirrorLines } from "../promotion/run/mirror-lines.ts";
import type * as promotion from "../promotion/run/request.ts";
import { bucketLocation } from "../stack/bucket-location.ts";
import type { StackConfig } from "../stack/config.ts";
import type { Region } from "../stack/geography.ts";
import type { ImageStore } from "../stack/image-store-format.ts";
import { knownValue } from "../stack/known-value.ts";
import { bucketMirrorAddress, bucketMirrorName, storeMirrorName, storeMirrors } from "./bucket-mirrors.ts";
import { FileMirrorResources } from "./file-mirror.ts";
import { ImageMirrorResources } from "./image-mirror.ts";
import {
  fileBucketName,
  fileMirrorName,
  imageMirrorAddress,
  imageMirrorName,
  mirrorAddresses,
} from "./mirror-names.ts";
import { type MirrorsByKind, type Placement, placementOf, splitMirrors } from "./placement.ts";
import { R2StoreResources } from "./r2-store.ts";
import { withoutFailed } from "./settled.ts";

export interface MirrorsArgs {
  readonly project: string;
  /** Prefix of the buckets' names in AWS. */
  readonly organization: string;
  /** Prefix of the buckets' names in Google Cloud. */
  readonly googlePrefix: string;
  /** Whole names of buckets, by region, in place of those with a prefix. */
  readonly bucketNames: Readonly<Record<string, string>>;
  /** Id of the image mirrors' repositories. */
  readonly imageRepository: string;
  /** The first holds the canonical mirrors. */
  readonly gcpRegions: readonly [Region, ...Region[]];
  readonly awsRegions: readonly Region[];
  /** Groups of regions that the stack declares, by name. */
  readonly regionGroups: StackConfig["regionGroups"];
  /** Names of the regions whose buckets are image mirrors too. */
  readonly imageBuckets: ReadonlySet<string>;
  /** Object stores elsewhere that are image mirrors: of them only buckets at Cloudflare R2 are made here, where asked for. */
  readonly imageStores: readonly ImageStore[];
  /** The only IAM principals that write. */
  readonly writers: readonly pulumi.Input<string>[];
  /** IAM principals that compare the mirrors with the manifests. */
  readonly auditors: readonly pulumi.Input<string>[];
  /** IAM principals that add artifacts. In S3 a role of theirs does. */
  readonly fillers: readonly pulumi.Input<string>[];
  /** Scan the canonical mirror's images; the others hold the same. */
  readonly vulnerabilityScanning: boolean;
  /** Log the reads of files in Google Cloud. */
  readonly accessLogs: boolean;
  /** Names of regions that are about to be removed: their resources are no longer protected. */
  readonly retiring: ReadonlySet<string>;
  readonly protection: boolean;
}

/** Addresses of the mirrors, known once they can be written and read. */
export interface MirrorAddresses {
  /** Canonical mirror first. */
  readonly images: readonly (promotion.ImageMirror & { readonly region: string })[];
  /** Canonical mirror first. */
  readonly files: readonly promotion.FileMirror[];
}

/** The same as the lines that promotions are declared with (promotion/run/mirror-lines.ts). */
export interface MirrorLines {
  readonly images: pulumi.Output<string>;
  /** The file mirrors that also hold image layers. */
  readonly layers: pulumi.Output<string>;
  readonly files: pulumi.Output<string>;
  /** The names of all, with blanks between them. */
  readonly names: pulumi.Output<string>;
}

/** The mirrors in which a project is placed; `elsewhere`: the others, if there are any. */
export interface PlacedLines extends MirrorLines {
  readonly elsewhere: Omit<MirrorLines, "names"> | undefined;
}

/**
 * All mirrors of production: an image mirror in each region of Google Cloud, and a file mirror in each region of both clouds, which may be an
 * image mirror too.
 */
export class Mirrors extends pulumi.ComponentResource {
  public readonly addresses: pulumi.Output<MirrorAddresses>;
  /** Of all mirrors. */
  public readonly lines: MirrorLines;
  readonly #args: MirrorsArgs;
  /** Computed once for each set of groups, not for each of a hundred projects. */
  readonly #placed = new Map<string, PlacedLines>();

  constructor(name: string, args: MirrorsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:mirror:Mirrors", name, {}, opts);
    this.#args = args;
    const logBucket = args.accessLogs ? this.addLogBucket(name, args) : undefined;
    const protection = (region: Region): boolean => args.protection && !args.retiring.has(region.name);
    const images = args.gcpRegions.map((region, index) => ({
      region,
      mirror: new ImageMirrorResources(
        imageMirrorName(region),
        {
          project: args.project,
          repository: args.imageRepository,
          region,
          writers: args.writers,
          fillers: args.fillers,
          scanning: args.vulnerabilityScanning && index === 0,
          protection: protection(region),
        },
        { parent: this },
      ),
    }));
    const files = [...args.gcpRegions, ...args.awsRegions].map((region) => ({
      region,
      mirror: new FileMirrorResources(
        fileMirrorName(region),
        {
          project: args.project,
          organization: args.organization,
          googlePrefix: args.googlePrefix,
          bucketNames: args.bucketNames,
          region,
          writers: args.writers,
          auditors: args.auditors,
          fillers: args.fillers,
          hasImages: args.imageBuckets.has(region.name),
          logBucket,
          protection: protection(region),
        },
        { parent: this },
      ),
    }));
    const stores = args.imageStores.flatMap((store) =>
      store.r2 === undefined
        ? []
        : [new R2StoreResources(storeMirrorName(store), { ...store, r2: store.r2 }, { parent: this })],
    );
    const addresses = {
      images: [
        ...images.map(({ region, mirror }) => ({
          name: imageMirrorName(region),
          repository: orName(mirror.repository, imageMirrorAddress(args.project, args.imageRepository, region)),
          region: region.name,
        })),
        ...files
          .filter(({ region }) => args.imageBuckets.has(region.name))
          .map(({ region, mirror }) => ({
            name: bucketMirrorName(region),
            repository: pulumi
              .output(orName(mirror.bucket, fileBucketName(args, region)))
              .apply((bucket) => bucketMirrorAddress(region, bucket)),
            region: region.name,
          })),
        ...storeMirrors(args.imageStores),
      ],
      files: files.map(({ region, mirror }) => ({
        name: fileMirrorName(region),
        kind: region.cloud === "gcp" ? "gcs" : "s3",
        bucket: orName(mirror.bucket, fileBucketName(args, region)),
        region: region.name,
      })),
    };
    const parts = [...[...images, ...files].map(({ mirror }) => mirror), ...stores].flatMap((mirror) => mirror.parts);
    // A mirror that fails holds back itself alone: promotions go to the others, and say that they could not reach it.
    // One resource that every promotion and every redirector depends on, instead of each mirror and its grants: with
    // 28 mirrors and 108 projects those dependencies were a quarter of the state.
    const ready = new pulumi.Stash(name, { input: addresses }, { parent: this, dependsOn: withoutFailed(parts) });
    this.addresses = ready.input as pulumi.Output<MirrorAddresses>; // a stash returns its input
    this.lines = this.placed(undefined);
    // The stash already has the addresses in the state; the outputs of the component are the counts.
    this.registerOutputs({ images: images.length, files: files.length });
  }

  /** The mirrors of a project in these groups of regions; undefined: in all. */
  public placed(groups: readonly string[] | undefined): PlacedLines {
    const key = JSON.stringify(groups);
    const known = this.#placed.get(key) ?? this.linesOf(placementOf(this.#args, groups));
    this.#placed.set(key, known);
    return known;
  }

  private linesOf(isPlaced: Placement): PlacedLines {
    const split = this.addresses.apply((all) => splitMirrors(all, isPlaced));
    const lines = (of: pulumi.Output<MirrorsByKind>) => ({
      images: of.apply(({ images }) => imageMirrorLines(images)),
      layers: of.apply(({ layers }) => layerMirrorLines(layers)),
      files: of.apply(({ files }) => fileMirrorLines(files)),
    });
    const placed = split.apply((each): MirrorsByKind => each.placed);
    // By the names, which every preview knows.
    const { images, files } = mirrorAddresses(this.#args);
    const isEverywhere = [...images, ...files].every(({ name }) => isPlaced(name));
    return {
      ...lines(placed),
      names: placed.apply((each) => [...each.images, ...each.files].map(({ name }) => name).join(" ")),
      elsewhere: isEverywhere ? undefined : lines(split.apply((each): MirrorsByKind => each.unplaced)),
    };
  }

  private addLogBucket(name: string, args: MirrorsArgs): pulumi.Output<string> {
    const bucket = new Bucket(
      `${name}-logs`,
      {
        project: args.project,
        name: `${args.googlePrefix}-artifacts-logs`,
        location: bucketLocation(args.gcpRegions[0].name),
        labels: { purpose: "logs" },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        lifecycleRules: [{ action: { type: "Delete" }, condition: { age: 30 } }],
        forceDestroy: true,
      },
      { parent: this },
    );
    new BucketIAMBinding(
      `${name}-logs-writer`,
      {
        bucket: bucket.name,
        role: "roles/storage.objectCreator",
        // Google's service account that delivers usage logs (Cloud Storage docs, "Usage logs and storage logs").
        members: ["group:cloud-storage-analytics@google.com"],
      },
      { parent: this },
    );
    return bucket.name;
  }
}

/** An output of a mirror or, if the mirror failed in this run, the address that its name gives; nothing depends on the mirror by it. */
function orName(output: pulumi.Output<string>, name: string): pulumi.Input<string> {
  return pulumi.runtime.isDryRun() ? output : knownValue(output).then((value) => value ?? name);
}
