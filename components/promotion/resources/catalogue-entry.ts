import * as pulumi from "@pulumi/pulumi";
import type { ImagesRequest, TrustSettings } from "../run/request.ts";
import type { PromotionArgs } from "./promotion-args.ts";

/**
 * One project's entry in the catalogue. The plugin compares each input with the last run's; equal inputs cause no work
 * and no request.
 */
export interface CatalogueEntryArgs extends Pick<PromotionArgs, "project" | "summary" | "mirrors" | "storage"> {
  readonly description: pulumi.Input<string>;
  /** URL or mail address of the project's owners. "" = none. */
  readonly contact: pulumi.Input<string>;
  readonly imagePrefix: pulumi.Input<string>;
  readonly filePrefix: pulumi.Input<string>;
  /** The manifests' lines. The program declares the entry after the promotions, so it lists only what is in production. "" = nothing. */
  readonly images: pulumi.Input<string>;
  readonly files: pulumi.Input<string>;
  /** What is withdrawn, with the reasons, in lines (see `../run/request.ts`). */
  readonly withdrawnImages?: pulumi.Input<string>;
  readonly withdrawnFiles?: pulumi.Input<string>;
  /** Where the project's people push: a registry URI, and a bucket with the folder in it. "" = nowhere. */
  readonly stagingRepository: pulumi.Input<string>;
  readonly stagingBucket: pulumi.Input<string>;
  /** URL of the repository of the manifests. */
  readonly source: pulumi.Input<string>;
  /** The name that clients use. */
  readonly host: pulumi.Input<string>;
  /** The policy under which images are verified for the catalogue, and its URL; undefined: none. */
  readonly trust?: pulumi.Input<TrustSettings>;
  readonly policy?: pulumi.Input<string>;
  /** How the promotions sign, so that users see whose proofs to verify; undefined: they do not. */
  readonly signing?: pulumi.Input<NonNullable<ImagesRequest["signing"]>>;
  /** Names of all mirrors that the promotions write, of images, layers and files, with blanks between them. */
  readonly heldBy: pulumi.Input<string>;
  /** Those of them that are left to a fill, with blanks between them; undefined: none. */
  readonly filling?: pulumi.Input<string>;
  /** Registry URI of the canonical image mirror. */
  readonly registry: pulumi.Input<string>;
}

/**
 * Keeps one project's part of the catalogue in every file mirror as its promotions left production. Each project has a resource of
 * its own, so that a failing promotion does not delay the entries of other projects.
 */
export class CatalogueEntry extends pulumi.CustomResource {
  constructor(name: string, args: CatalogueEntryArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:CatalogueEntry", name, { ...args }, options);
  }
}
