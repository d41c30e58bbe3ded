import { createHash } from "node:crypto";
import type { ImageFacts } from "../../catalogue/formats.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { verifyPresent } from "../images/verify-reference.ts";
import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";
import { printSigner } from "../trust/signer.ts";
import { currentRoots } from "../trust/tuf-roots.ts";
import type { EntryRequest } from "./request.ts";

type Verification = NonNullable<ImageFacts["verification"]>;

/** The policy under which an entry's images are verified: what the catalogue says of it. Undefined: nothing is verified. */
export function policyOf({ trust, policy }: EntryRequest): Pick<Verification, "policy" | "policySha256"> | undefined {
  if (trust === undefined || policy === undefined) return undefined;
  // The effective policy: what the stack adds to project.yaml counts too.
  return { policy, policySha256: createHash("sha256").update(JSON.stringify(trust)).digest("hex") };
}

/** Whether facts say what this policy says; else they are verified again. */
export function isUnder(facts: ImageFacts, policy: ReturnType<typeof policyOf>): boolean {
  const { verification } = facts;
  return verification?.policy === policy?.policy && verification?.policySha256 === policy?.policySha256;
}

/**
 * Facts with what the policy says of the digest, as the canonical mirror has it; without a policy, without any claim.
 * @throws the registry's error.
 */
export async function withVerification(
  facts: ImageFacts,
  request: EntryRequest,
  at: Remote,
  tags: TagList | undefined,
  memory: WeightedSemaphore,
): Promise<ImageFacts> {
  const { verification: _, ...unverified } = facts;
  const policy = policyOf(request);
  if (policy === undefined) return unverified;
  const { trust } = request;
  const { roots } = await currentRoots(trust!.trustedRoot, trust!.signers);
  const means = { roots, memory };
  const { verdict } = await verifyPresent(at, facts.digest as Digest, trust!, means, tags);
  const signers = [...new Set(verdict.signatures.map(({ signer }) => printSigner(signer)))].sort();
  return { ...unverified, verification: { ...policy, isSatisfied: verdict.satisfied, signers } };
}
