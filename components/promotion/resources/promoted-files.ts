import * as pulumi from "@pulumi/pulumi";
import type { StorageSettings } from "../run/request.ts";

/** One project's release files in production. Every value is compared with the last run's: equal inputs are no work and no request. */
export interface PromotedFilesArgs {
  readonly project: pulumi.Input<string>;
  /** A line `path sha256:<hex>` for each file, sorted. */
  readonly files: pulumi.Input<string>;
  /** Shown where the CLI does not show the lines, e.g. `114 files`. */
  readonly summary: pulumi.Input<string>;
  /** Key of a production file = `binaries/<prefix>/<path>`. */
  readonly prefix: pulumi.Input<string>;
  /** Name of the staging bucket; "" = the project has none. */
  readonly staging: pulumi.Input<string>;
  /** Lines of file mirrors (mirror-lines.ts), the canonical one first. */
  readonly mirrors: pulumi.Input<string>;
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: pulumi.Input<number>;
  readonly storage: pulumi.Input<Inputs<StorageSettings>>;
}

type Inputs<T> = { readonly [Key in keyof T]: pulumi.Input<T[Key]> };

/**
 * Keeps one project's release files in production as its manifest says, in every mirror: adds and removes, never overwrites. Carried
 * out by the provider plugin in `provider/`, which the engine finds by `Pulumi.yaml`.
 */
export class PromotedFiles extends pulumi.CustomResource {
  constructor(name: string, args: PromotedFilesArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:PromotedFiles", name, { ...args }, options);
  }
}
