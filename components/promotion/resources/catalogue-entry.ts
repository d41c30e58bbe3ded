import * as pulumi from "@pulumi/pulumi";
import type { StorageSettings } from "../run/request.ts";

/** One project's entry in the catalogue. Every value is compared with the last run's: equal inputs are no work and no request. */
export interface CatalogueEntryArgs {
  readonly project: pulumi.Input<string>;
  readonly description: pulumi.Input<string>;
  /** Where its people are; "" = not told. */
  readonly contact: pulumi.Input<string>;
  readonly imagePrefix: pulumi.Input<string>;
  readonly filePrefix: pulumi.Input<string>;
  /** What was promoted, as the promotion says it: only then is it listed. "" = nothing. */
  readonly images: pulumi.Input<string>;
  readonly files: pulumi.Input<string>;
  /** Shown in place of the two, e.g. `57 images, 8,990 digests`. */
  readonly summary: pulumi.Input<string>;
  /** Registry URI of the canonical image mirror. */
  readonly registry: pulumi.Input<string>;
  /** Lines of file mirrors (mirror-lines.ts), the canonical one first. */
  readonly mirrors: pulumi.Input<string>;
  readonly storage: pulumi.Input<Inputs<StorageSettings>>;
}

type Inputs<T> = { readonly [Key in keyof T]: pulumi.Input<T[Key]> };

/**
 * Keeps one project's part of the catalogue in every file mirror as its promotions have left production. One resource for each
 * project, so that one failing promotion keeps nobody else's news from the catalogue.
 */
export class CatalogueEntry extends pulumi.CustomResource {
  constructor(name: string, args: CatalogueEntryArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:CatalogueEntry", name, { ...args }, options);
  }
}
