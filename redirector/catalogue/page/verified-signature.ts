import type { ImageVersion, SignatureSummary } from "./documents.ts";

/**
 * Whether a signature says that it is by one of those whose signatures were verified when the version was listed. Without a certificate it is by a key:
 * which one, only the verification knows.
 */
export function isByVerified(
  { format, identity, issuer }: SignatureSummary,
  verification: ImageVersion["verification"],
): boolean {
  if (verification?.isSatisfied !== true || format === "notation") return false;
  const name = identity ?? (issuer === undefined ? "a trusted key" : undefined);
  return name !== undefined && verification.signers.includes(name);
}
