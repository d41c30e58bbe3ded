import { isTrusted, type SignerRule } from "./policy.ts";
import { RefusedError } from "./refused.ts";
import { type Trust, verifyBundle } from "./verify-bundle.ts";

/** What a proof of the promotion's own is about, and who signs it. */
interface OwnProof {
  /** Of the proven content. */
  readonly digest: string;
  readonly predicateType: string;
  /** The name that the content is published by. */
  readonly resourceUri: string;
  readonly rule: SignerRule;
}

/** Whether a bundle is such a proof. Whoever writes to staging or a mirror may have put there what looks like one. */
export function isOwnProof(
  bundle: Buffer,
  { digest, predicateType, resourceUri, rule }: OwnProof,
  trust: Trust,
): boolean {
  try {
    const { signer, statement } = verifyBundle(bundle, { digest }, trust);
    return (
      isTrusted(signer, [rule]) &&
      statement?.predicateType === predicateType &&
      statement.predicate["resourceUri"] === resourceUri
    );
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}
