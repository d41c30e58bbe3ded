import * as pulumi from "@pulumi/pulumi";
import { FileMirror } from "./file-mirror.ts";
import type { Region } from "./geography.ts";
import { ImageMirror } from "./image-mirror.ts";
import type * as promotion from "./promotion/request.ts";

export interface MirrorsArgs {
  readonly project: string;
  /** Begins the buckets' names. */
  readonly organization: string;
  /** The first holds the canonical mirrors. */
  readonly gcpRegions: readonly [Region, ...Region[]];
  readonly awsRegions: readonly Region[];
  /** The only ones who write: IAM principals. */
  readonly writers: readonly pulumi.Input<string>[];
  readonly protection: boolean;
}

/** Where mirrors are, once they can be written to and read. */
export interface MirrorAddresses {
  /** Canonical mirror first. */
  readonly images: readonly (promotion.ImageMirror & { readonly region: string })[];
  /** Canonical mirror first. */
  readonly files: readonly promotion.FileMirror[];
}

/** Every place that production is served from: an image mirror in each region of Google Cloud, a file mirror in each region of all clouds. */
export class Mirrors extends pulumi.ComponentResource {
  public readonly addresses: pulumi.Output<MirrorAddresses>;

  constructor(name: string, args: MirrorsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:mirror:Mirrors", name, {}, opts);
    const images = args.gcpRegions.map((region) => ({
      region,
      mirror: new ImageMirror(`images-${region.name}`, { ...args, region }, { parent: this }),
    }));
    const files = [...args.gcpRegions, ...args.awsRegions].map((region) => ({
      region,
      mirror: new FileMirror(`files-${region.cloud}-${region.name}`, { ...args, region }, { parent: this }),
    }));
    const addresses = {
      images: images.map(({ region, mirror }) => ({
        name: `images-${region.name}`,
        repository: mirror.repository,
        region: region.name,
      })),
      files: files.map(({ region, mirror }) => ({
        name: `files-${region.cloud}-${region.name}`,
        kind: region.cloud === "gcp" ? "gcs" : "s3",
        bucket: mirror.bucket,
        region: region.name,
      })),
    };
    // One thing that every promotion and every redirector waits for, in place of each mirror with its grants: at 28 mirrors and 108
    // projects those dependencies were a quarter of the state.
    const ready = new pulumi.Stash(
      name,
      { input: addresses },
      { parent: this, dependsOn: [...images, ...files].map(({ mirror }) => mirror) },
    );
    this.addresses = ready.input as pulumi.Output<MirrorAddresses>; // a stash gives back what it was given
    this.registerOutputs({});
  }
}
