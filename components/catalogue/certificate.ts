import { X509Certificate } from "node:crypto";

/** The identity in a signing certificate, the OIDC issuer that authenticated it, and what was built. Empty if the certificate has none of it. */
export interface Identity {
  readonly identity?: string;
  readonly issuer?: string;
  /** URL of the repository that the workflow built. */
  readonly source?: string;
}

/**
 * Reads a certificate as Fulcio issues it (sigstore/fulcio, docs/certificate-specification.md): the identity is its subject alternative name,
 * the OIDC issuer and the source's repository extensions. Reads the certificate without verifying it. Never throws.
 * @param certificate PEM or DER.
 */
export function certificateIdentity(certificate: string | Buffer): Identity {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    return {}; // not a certificate: no identity
  }
  const identity = /^(?:URI|email):([^,\s]+)/.exec(parsed.subjectAltName ?? "")?.[1];
  const issuer = extensionText(parsed.raw, issuerV2) ?? extensionText(parsed.raw, issuerV1);
  const source = extensionText(parsed.raw, sourceRepository);
  return {
    ...(identity !== undefined && { identity }),
    ...(issuer !== undefined && { issuer }),
    ...(source !== undefined && { source }),
  };
}

/** DER of 1.3.6.1.4.1.57264.1.8, whose value is a UTF8String, and of the older .1.1, whose value is the bare text. */
const issuerV2 = Buffer.from("060a2b0601040183bf300108", "hex");
const issuerV1 = Buffer.from("060a2b0601040183bf300101", "hex");

/** DER of 1.3.6.1.4.1.57264.1.12, "Source Repository URI". */
const sourceRepository = Buffer.from("060a2b0601040183bf30010c", "hex");

/** The text of an extension: the object identifier is followed by an octet string (RFC 5280 section 4.1); lengths below 128 are one byte. */
function extensionText(der: Buffer, oid: Buffer): string | undefined {
  const at = der.indexOf(oid);
  if (at < 0) return undefined;
  let start = at + oid.length;
  if (der[start] === 0x01) start += 3; // `critical`
  const octets = element(der, start, 0x04);
  if (octets === undefined) return undefined;
  const text = (element(octets, 0, 0x0c) ?? octets).toString("utf8");
  return /^https?:\/\/[\x21-\x7e]+$/.test(text) ? text : undefined;
}

/** The content of the DER element of this tag at an offset (X.690 section 8.1). */
function element(der: Buffer, at: number, tag: number): Buffer | undefined {
  const [first, length] = [der[at], der[at + 1]];
  if (first !== tag || length === undefined) return undefined;
  if (length < 0x80) return der.subarray(at + 2, at + 2 + length);
  if (length !== 0x81 && length !== 0x82) return undefined;
  const octets = length - 0x80;
  if (at + 2 + octets > der.length) return undefined;
  const size = der.readUIntBE(at + 2, octets);
  return der.subarray(at + 2 + octets, at + 2 + octets + size);
}
