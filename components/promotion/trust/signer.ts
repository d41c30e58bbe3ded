import { ASN1Obj } from "@sigstore/core";
import type { Signer as VerifiedSigner } from "@sigstore/verify";
import { printable } from "../text/printable.ts";

/** Who signed, as it was verified: by a certificate that an authority issued to an identity, or by a key. */
export type Signer =
  | {
      readonly identity: string;
      readonly issuer: string;
      /** What the authority says of the build that signed; empty outside of CI. */
      readonly build: BuildClaims;
    }
  | {
      /** The public key, as PEM. */
      readonly key: string;
    };

/** Extensions of Fulcio's certificates (sigstore/fulcio, docs/oid-info.md). */
export interface BuildClaims {
  readonly repository?: string;
  readonly commit?: string;
  readonly ref?: string;
  /** URL of the run. */
  readonly run?: string;
}

/** The signer of a certificate. */
export function certificateSigner({ identity }: VerifiedSigner): Signer {
  const claims: Record<string, string> = {};
  for (const { oid, value } of identity?.oids ?? []) {
    const name = builds.get(oid?.id.join(".") ?? "");
    const text = name === undefined ? undefined : utf8Of(Buffer.from(value));
    if (name !== undefined && text !== undefined) claims[name] = text;
  }
  return {
    identity: identity?.subjectAlternativeName ?? "",
    issuer: identity?.extensions?.issuer ?? "",
    build: claims,
  };
}

/** A signer for people, in one line. */
export function printSigner(signer: Signer): string {
  return "key" in signer ? "a trusted key" : printable(signer.identity, 300);
}

const builds = new Map([
  ["1.3.6.1.4.1.57264.1.12", "repository"],
  ["1.3.6.1.4.1.57264.1.13", "commit"],
  ["1.3.6.1.4.1.57264.1.14", "ref"],
  ["1.3.6.1.4.1.57264.1.21", "run"],
]);

function utf8Of(der: Buffer): string | undefined {
  try {
    return ASN1Obj.parseBuffer(der as Buffer<ArrayBuffer>).value.toString("utf8");
  } catch {
    return undefined;
  }
}
