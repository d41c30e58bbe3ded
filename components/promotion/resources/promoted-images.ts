import * as pulumi from "@pulumi/pulumi";
import type { StorageSettings } from "../run/request.ts";

/** One project's images in production. Every value is compared with the last run's: equal inputs are no work and no request. */
export interface PromotedImagesArgs {
  readonly project: pulumi.Input<string>;
  /** A line `image:tag sha256:<hex>` for each tag, `image@sha256:<hex>` for each digest without one, sorted. */
  readonly images: pulumi.Input<string>;
  /** Shown where the CLI does not show the lines, e.g. `57 images, 8,990 digests`. */
  readonly summary: pulumi.Input<string>;
  /** Production name of an image = `<mirror>/<prefix>/<image>`. */
  readonly prefix: pulumi.Input<string>;
  /** Registry URI of the staging repository; "" = the project has none. */
  readonly staging: pulumi.Input<string>;
  /** Lines of image mirrors (mirror-lines.ts), the canonical one first. */
  readonly mirrors: pulumi.Input<string>;
  /** Lines of the S3 buckets that also hold the layers. */
  readonly layerMirrors: pulumi.Input<string>;
  /** Where the catalogue is: what a run that fails in part has removed leaves it at once. Lines of file mirrors, the canonical one first. */
  readonly catalogue?: pulumi.Input<string>;
  /** Patterns of tags that may move. */
  readonly mutableTags: pulumi.Input<readonly pulumi.Input<string>[]>;
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: pulumi.Input<number>;
  readonly storage: pulumi.Input<Inputs<StorageSettings>>;
}

type Inputs<T> = { readonly [Key in keyof T]: pulumi.Input<T[Key]> };

/**
 * Keeps one project's images in production as its manifest says, in every mirror: adds and removes. Carried out by the provider
 * plugin in `provider/`, which the engine finds by `Pulumi.yaml`.
 */
export class PromotedImages extends pulumi.CustomResource {
  constructor(name: string, args: PromotedImagesArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:PromotedImages", name, { ...args }, options);
  }
}
