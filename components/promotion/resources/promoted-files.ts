import * as pulumi from "@pulumi/pulumi";
import type { FilesRequest, TrustSettings } from "../run/request.ts";
import type { PromotionArgs } from "./promotion-args.ts";

/** One project's release files in production. */
export interface PromotedFilesArgs extends PromotionArgs {
  /** A line `path sha256:<hex>` for each file, sorted. */
  readonly files: pulumi.Input<string>;
  /** What must be proven of a file before it is promoted; undefined: nothing. */
  readonly trust?: pulumi.Input<TrustSettings>;
  /** How files are signed when they are promoted; undefined: not at all. */
  readonly signing?: pulumi.Input<NonNullable<FilesRequest["signing"]>>;
  /** Patterns of files that may get other content; undefined: none. */
  readonly mutableFiles?: pulumi.Input<readonly pulumi.Input<string>[]>;
}

/**
 * Keeps one project's release files in every mirror as its manifest lists them: adds and removes files, and replaces only
 * those that are declared mutable.
 * The provider plugin in `provider/`, which the engine finds through `Pulumi.yaml`, does the work.
 */
export class PromotedFiles extends pulumi.CustomResource {
  /** Names of the mirrors that are left to a fill, with blanks between them; undefined if none ever was. */
  declare public readonly filling: pulumi.Output<string | undefined>;

  constructor(name: string, args: PromotedFilesArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:PromotedFiles", name, { ...args, filling: undefined }, options);
  }
}
