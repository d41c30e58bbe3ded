import { createHash } from "node:crypto";
import { bundleClaims } from "../../catalogue/attachment-facts.ts";
import type { ImageFacts } from "../../catalogue/formats.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { verifyAttached } from "../images/verify-reference.ts";
import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import type { TrustSettings } from "../run/request.ts";
import { printSigner } from "../trust/signer.ts";
import { currentRoots } from "../trust/tuf-roots.ts";
import type { AttachedContent } from "./attached-content.ts";
import type { EntryRequest } from "./request.ts";

type Verification = NonNullable<ImageFacts["verification"]>;

/** The policy under which an entry's images are verified, and what the catalogue says of it. */
export interface EntryPolicy {
  readonly trust: TrustSettings;
  readonly said: Pick<Verification, "policy" | "policySha256">;
}

/** The policy of a request. Undefined: nothing is verified. */
export function policyOf({ trust, policy }: EntryRequest): EntryPolicy | undefined {
  if (trust === undefined || policy === undefined) return undefined;
  // The effective policy: what the stack adds to project.yaml counts too.
  const policySha256 = createHash("sha256").update(JSON.stringify(trust)).digest("hex");
  return { trust, said: { policy, policySha256 } };
}

/** Whether facts say what this policy says; else they are verified again. */
export function isUnder({ verification }: ImageFacts, policy: EntryPolicy | undefined): boolean {
  return verification?.policy === policy?.said.policy && verification?.policySha256 === policy?.said.policySha256;
}

/** What the policy says of a digest, as the canonical mirror has it. @throws the registry's error. */
export async function verifyUnder(
  { trust, said }: EntryPolicy,
  digest: Digest,
  at: Remote,
  attached: AttachedContent,
  memory: WeightedSemaphore,
): Promise<Verification> {
  const { roots } = await currentRoots(trust.trustedRoot, trust.signers);
  const seen = (bundle: Digest, bytes: Buffer) => attached.claims.set(bundle, bundleClaims(bytes));
  const { verdict } = await verifyAttached(at, digest, trust, { roots, memory, seen }, attached);
  const signers = [...new Set(verdict.signatures.map(({ signer }) => printSigner(signer)))].sort();
  return { ...said, isSatisfied: verdict.satisfied, signers };
}
