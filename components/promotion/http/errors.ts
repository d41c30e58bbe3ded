/** Failures of the network: no response, or an incomplete one. Callers interpret complete responses themselves. */
import { printable } from "../text/printable.ts";

/** A host was unreachable for so long that no more requests are sent to it. */
export class UnreachableError extends Error {
  readonly host: string;

  constructor(host: string, cause: unknown) {
    super(`${host} is unreachable: ${causeOf(cause)}`, { cause });
    this.name = "UnreachableError";
    this.host = host;
  }
}

/** The connection broke or stalled; the same request may succeed later. */
export class InterruptedError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${causeOf(cause)}`, { cause });
    this.name = "InterruptedError";
  }
}

/** OpenSSL's codes for a certificate with an unknown issuer (Node's documentation, "X509 certificate error codes"). */
const unknownSigners = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);
/** OpenSSL's codes for a certificate that is invalid for another reason. */
const badCertificates = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Whether the host's certificate was rejected. Retrying does not help. */
export function isDistrust(error: unknown): boolean {
  const code = codeOf(error);
  return unknownSigners.has(code) || badCertificates.has(code);
}

/** The error's code (`ECONNRESET`), or an empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Advice on a failure, for its message. */
function adviceOn(code: string): string {
  if (!unknownSigners.has(code)) return "";
  return "; if its certificate is from a private CA, set the environment variable NODE_EXTRA_CA_CERTS to that CA's file (PEM)";
}

/** One printable line for a failure. Untrusted text in it can neither break the line nor control a terminal or a CI log. */
export function causeOf(error: unknown): string {
  // After several attempts to connect (IPv4, IPv6) only the parts have the cause.
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0)
    return causeOf(error.errors[0]);
  // fetch and import() say no more than that they failed.
  if (error instanceof TypeError && error.cause instanceof Error)
    return printable(`${error.message}: ${causeOf(error.cause)}`, 500);
  const text = error instanceof Error ? error.message || error.name : String(error);
  const code = codeOf(error);
  const advice = adviceOn(code);
  const words = advice ? text.split(";", 1)[0]! : text; // without Node's own advice, which is about flags of its command line
  return printable(`${words}${code && !text.includes(code) ? ` (${code})` : ""}${advice}`, 500);
}
