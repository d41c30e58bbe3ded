import * as pulumi from "@pulumi/pulumi";

export interface IssuedCertificateArgs {
  /** Full name of a certificate of Certificate Manager, `projects/<project>/locations/global/certificates/<name>`. */
  readonly certificate: pulumi.Input<string>;
  /** Base URL of Certificate Manager's API, where it is not Google's: the provider's setting `gcp:certificateManagerCustomEndpoint`. */
  readonly endpoint?: pulumi.Input<string>;
}

/**
 * Exists once Google has issued the certificate: what depends on it waits for that. Its creation fails if that takes too long, and the next
 * deployment waits again. It says nothing about what happens to the certificate afterwards.
 */
export class IssuedCertificate extends pulumi.CustomResource {
  constructor(name: string, args: IssuedCertificateArgs, options?: pulumi.CustomResourceOptions) {
    super("promotion:index:IssuedCertificate", name, { ...args }, options);
  }
}
