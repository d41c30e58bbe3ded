import { isTrusted } from "./policy.ts";
import { RefusedError } from "./refused.ts";
import { printSigner } from "./signer.ts";
import type { StatementSigner } from "./statement-signer.ts";
import { type Trust, verifyBundle } from "./verify-bundle.ts";

/**
 * Signs a statement, and verifies the bundle as the next run and users will. A proof that names another identity, because the workflow was renamed or
 * runs on another branch, is refused by users and would be made again by each run.
 * @param digest one of the statement's subjects, `sha256:<hex>`.
 * @param trust what the signer's rule is verified with.
 * @throws Error if it cannot be signed, or if what was signed is not ours: it must not be stored.
 */
export async function signProof(
  signer: StatementSigner,
  statement: object,
  digest: string,
  trust: Trust,
): Promise<Buffer> {
  const bytes = Buffer.from(await signer.sign(statement));
  const { signer: by } = verified(bytes, digest, trust);
  if (!isTrusted(by, [signer.rule]))
    throw new Error(
      `it was signed by ${printSigner(by)}, which is not the identity of artifacts:signing: correct it there`,
    );
  return bytes;
}

function verified(bytes: Buffer, digest: string, trust: Trust) {
  try {
    return verifyBundle(bytes, { digest }, trust);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new Error(`it was signed, but the roots and keys of artifacts:signing do not verify it: ${error.message}`);
  }
}
