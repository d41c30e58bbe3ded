import type { StackConfig } from "../stack/config.ts";

/** Everything that a run needs to know to sign, as the promotion takes it. */
export interface EffectiveSigning {
  readonly by: "keyless" | "kms" | "key";
  readonly key: string;
  readonly fulcio: string;
  readonly rekor: string;
  readonly timestamps: string;
  readonly identity: string;
  readonly issuer: string;
  readonly trustedRoot: string;
  readonly host: string;
  readonly repository: string;
  readonly policyFile: string;
}

/** What of the stack's config signing depends on. */
type SigningConfig = Pick<StackConfig, "signing" | "trust" | "host" | "repository" | "manifests">;

/** How a project's promotions are signed; nothing, where they are not. */
export function signingSettings(
  project: { readonly name: string },
  { signing, trust, host, repository, manifests }: SigningConfig,
): { readonly signing?: EffectiveSigning } {
  const { by, keyFile, kmsKey, fulcio, rekor, timestamps, identity, issuer } = signing;
  if (by === "off") return {};
  const isKeyless = by === "keyless";
  const deployWorkflow = `https://github.com/${repository}/.github/workflows/deploy.yml@refs/heads/main`;
  return {
    signing: {
      by,
      key: by === "kms" ? kmsKey : keyFile,
      fulcio: isKeyless ? fulcio : "",
      rekor: isKeyless ? rekor : "",
      timestamps: isKeyless ? timestamps : "",
      identity: isKeyless ? identity || deployWorkflow : "",
      issuer: isKeyless ? issuer : "",
      trustedRoot: trust.trustedRoot ?? "",
      host,
      repository,
      policyFile: `${manifests}/${project.name}/project.yaml`,
    },
  };
}
