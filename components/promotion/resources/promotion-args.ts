import type * as pulumi from "@pulumi/pulumi";
import type { StorageSettings } from "../run/request.ts";

/**
 * The inputs that a project's images and files have in common. The plugin compares each with the last run's; equal
 * inputs cause no work and no request.
 */
export interface PromotionArgs {
  readonly project: pulumi.Input<string>;
  /** What the CLI shows in place of the lines, e.g. `57 images, 8,990 digests`. */
  readonly summary: pulumi.Input<string>;
  /** Prefix of the production names: `<mirror>/<prefix>/<image>`, `binaries/<prefix>/<path>`. */
  readonly prefix: pulumi.Input<string>;
  /** Registry URI of the staging repository, or name of the staging bucket. "" = the project has none. */
  readonly staging: pulumi.Input<string>;
  /** Mirrors as lines (mirror-lines.ts), the canonical one first. */
  readonly mirrors: pulumi.Input<string>;
  /** The stack's other mirrors, in which the project is not placed, as lines; undefined: there are none. */
  readonly unplaced?: pulumi.Input<string>;
  /** Seconds between the unlisting of the project in mirrors that it leaves and its removal there. */
  readonly departureSeconds?: number;
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: pulumi.Input<number>;
  /**
   * A new mirror that lacks more lines than this which production has had before is left to `artifacts fill`, and named in the output `filling`; undefined:
   * none is.
   */
  readonly fillAbove?: number;
  /** Name of the bucket with the orders of the fills, which are told there what is withdrawn; undefined: there are none. */
  readonly fillBucket?: string;
  /** What is removed on purpose, beyond that share: lines that begin with a reference or a path, then why. */
  readonly withdrawn?: pulumi.Input<string>;
  readonly storage: pulumi.Input<Inputs<StorageSettings>>;
}

/** An object whose properties may be outputs of other resources. */
type Inputs<T> = { readonly [Key in keyof T]: pulumi.Input<T[Key]> };
