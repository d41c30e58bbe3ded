import type { ProofSigner } from "../../catalogue/formats.ts";
import { openedOnce } from "../trust/opened-once.ts";
import { verifierOf } from "../trust/promotion-statements.ts";
import type { SigningSettings } from "../trust/signing-settings.ts";

const openSigner = openedOnce();

/**
 * Who signs the proofs of a promotion, for users. Reads a key file, or asks Cloud KMS for the public key.
 * @throws Error that says which could not be read.
 */
export async function proofSigner(settings: SigningSettings): Promise<ProofSigner> {
  const { rekor, trustedRoot, repository, host } = settings;
  const { rule } = await openSigner(settings);
  const about = { verifier: verifierOf(repository), host, logged: rekor !== "" };
  if ("key" in rule) return { ...about, key: rule.key, privateRoots: false };
  const identity = "identity" in rule ? rule.identity : rule.identityPattern;
  return { ...about, identity, issuer: rule.issuer, privateRoots: trustedRoot !== "" };
}
