import type { DeclaredTrust, StackTrust } from "../stack/trust-format.ts";

/** A policy with nothing left out, as the promotion takes it. */
export interface EffectiveTrust {
  readonly mode: "off" | "warn" | "require";
  readonly signers: Signer[];
  readonly provenance?: { builders?: string[]; sources?: string[]; refs?: string[]; buildTypes?: string[] };
  readonly predicates: string[];
  readonly trustedRoot: string;
}

type Signer = { identity: string; issuer: string } | { identityPattern: string; issuer: string } | { key: string };

/**
 * The policy that holds for a project: its own, or the stack's. The stack's mode is a floor: a project may ask for more, not for less; so are the
 * stack's predicates. Where a project names no signers or provenance, the stack's count. Nothing, where nothing is asked.
 */
export function trustSettings(
  { trust: own }: { readonly trust?: DeclaredTrust },
  stack: StackTrust | undefined,
): { readonly trust?: EffectiveTrust } {
  const declared = own ?? stack;
  if (declared === undefined) return {};
  const mode = modes[Math.max(modes.indexOf(declared.mode), modes.indexOf(stack?.mode ?? "off"))]!;
  if (mode === "off") return {};
  const provenance = declared.provenance ?? stack?.provenance;
  return {
    trust: {
      mode,
      signers: (declared.signers ?? stack?.signers ?? []).map(signerOf),
      ...(provenance && { provenance: listsOf(provenance) }),
      predicates: [...new Set([...(declared.predicates ?? []), ...(stack?.predicates ?? [])])],
      trustedRoot: stack?.trustedRoot ?? "",
    },
  };
}

/** What the catalogue needs to say by which policy an image was verified: the policy, and its URL. */
export function verifiedBy(
  project: { readonly name: string; readonly trust?: DeclaredTrust },
  config: { readonly trust: StackTrust; readonly repository: string; readonly manifests: string },
): { readonly trust?: EffectiveTrust; readonly policy?: string } {
  const { trust } = trustSettings(project, config.trust);
  if (trust === undefined) return {};
  const policy = `https://github.com/${config.repository}/blob/HEAD/${config.manifests}/${project.name}/project.yaml`;
  return { trust, policy };
}

const modes = ["off", "warn", "require"] as const;

/** Without what is undefined, which inputs of a resource must not hold. */
function listsOf(provenance: NonNullable<DeclaredTrust["provenance"]>): NonNullable<EffectiveTrust["provenance"]> {
  return Object.fromEntries(Object.entries(provenance).filter(([, list]) => list !== undefined));
}

function signerOf({
  identity,
  identityPattern,
  issuer = "",
  key,
}: NonNullable<DeclaredTrust["signers"]>[number]): Signer {
  if (key !== undefined) return { key };
  return identity === undefined ? { identityPattern: identityPattern ?? "", issuer } : { identity, issuer };
}
