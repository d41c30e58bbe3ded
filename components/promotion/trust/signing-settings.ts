/** How a run signs what it promotes. Plain data without a secret: it survives JSON, and stands in the stack's state. */
export interface SigningSettings {
  /**
   * `keyless`: with a certificate for the identity of the run, from GitHub's token. `kms`: with a key of Cloud KMS. `key`: with a private key in a
   * file, for tests and rehearsals.
   */
  readonly by: "keyless" | "kms" | "key";
  /** `kms`: the key's version, `projects/.../cryptoKeyVersions/1`. `key`: the file of the private key (PEM). Else "". */
  readonly key: string;
  /** `keyless`: URL of the certificate authority (Fulcio). */
  readonly fulcio: string;
  /** `keyless`: URL of the transparency log (Rekor); "" = none. */
  readonly rekor: string;
  /** `keyless`: URL of a timestamp authority (RFC 3161); "" = none. */
  readonly timestamps: string;
  /** `keyless`: whom the certificate names, and who vouches for that. What others sign is not our proof. */
  readonly identity: string;
  readonly issuer: string;
  /** `keyless`: file of a private Sigstore's roots; "": the public instance's. */
  readonly trustedRoot: string;
  /** The host that users pull from. */
  readonly host: string;
  /** GitHub repository of the stack, `owner/name`: who verified. */
  readonly repository: string;
  /** The project's policy: path of its project.yaml in that repository, which is the path below the program's folder too. */
  readonly policyFile: string;
  /** What was promoted before is signed too: `artifacts attest`. */
  readonly late?: boolean | undefined;
}
