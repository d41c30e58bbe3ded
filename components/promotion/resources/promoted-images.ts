import * as pulumi from "@pulumi/pulumi";
import type { ImagesRequest, TrustSettings } from "../run/request.ts";
import type { PromotionArgs } from "./promotion-args.ts";

/** One project's images in production. */
export interface PromotedImagesArgs extends PromotionArgs {
  /** A line `image:tag sha256:<hex>` for each tag, `image@sha256:<hex>` for each digest without one, sorted. */
  readonly images: pulumi.Input<string>;
  /** Names that images have in staging, where they differ: a line `image source` each. */
  readonly sources?: pulumi.Input<string> | undefined;
  /** The S3 buckets that also hold the layers, as lines. */
  readonly layerMirrors: pulumi.Input<string>;
  /** The other S3 buckets that hold layers, in which the project is not placed, as lines; undefined: there are none. */
  readonly unplacedLayers?: pulumi.Input<string>;
  /** File mirrors that hold the catalogue, as lines, the canonical one first. A run unlists there what it is about to remove. */
  readonly catalogue?: pulumi.Input<string>;
  /** What may be attached to the images, and how large; by default signatures, attestations and SBOMs up to 64 MiB. */
  readonly attachments?: pulumi.Input<{ readonly artifactTypes: readonly string[]; readonly bytes: number }>;
  /** What must be proven of a digest before it is promoted; undefined: nothing. */
  readonly trust?: pulumi.Input<TrustSettings>;
  /** How a run signs what it promotes; undefined: not at all. */
  readonly signing?: pulumi.Input<NonNullable<ImagesRequest["signing"]>>;
  /** Patterns of tags that may move. */
  readonly mutableTags: pulumi.Input<readonly pulumi.Input<string>[]>;
}

/**
 * Keeps one project's images in every mirror as its manifest lists them: adds and removes digests and tags.
 * The provider plugin in `provider/`, which the engine finds through `Pulumi.yaml`, does the work.
 */
export class PromotedImages extends pulumi.CustomResource {
  /** Names of the mirrors that are left to a fill, with blanks between them; undefined if none ever was. */
  declare public readonly filling: pulumi.Output<string | undefined>;

  constructor(name: string, args: PromotedImagesArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:PromotedImages", name, { ...args, filling: undefined }, options);
  }
}
