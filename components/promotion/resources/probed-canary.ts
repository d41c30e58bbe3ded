import * as pulumi from "@pulumi/pulumi";

export interface ProbedCanaryArgs {
  /** Address of the load balancer, whose port 80 leads to the canary for {@link host}. */
  readonly address: pulumi.Input<string>;
  /** The name by which the load balancer knows that the canary is asked. No DNS record has it. */
  readonly host: pulumi.Input<string>;
  /** The revision that must answer: its name, or its full name. */
  readonly revision: pulumi.Input<string>;
  /** Path of an image in production, if there is one. */
  readonly image?: pulumi.Input<string>;
  /** Path of a file in production, if there is one. */
  readonly file?: pulumi.Input<string>;
  /** URLs of the image mirrors. */
  readonly imageMirrors: pulumi.Input<pulumi.Input<string>[]>;
  /** URLs of the file mirrors. */
  readonly fileMirrors: pulumi.Input<pulumi.Input<string>[]>;
}

/**
 * Exists once a new revision of the redirector, which one region has, answers clients right: what depends on it waits for that. If the
 * revision answers wrong, or not at all, the run ends red, and the next one probes again.
 */
export class ProbedCanary extends pulumi.CustomResource {
  constructor(name: string, args: ProbedCanaryArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:ProbedCanary", name, { ...args }, options);
  }
}
