import type { Repository } from "./repository.ts";

/** An answer of a registry that is not what was asked for: its status and, if it gave one, its OCI error code. */
export class RegistryError extends Error {
  readonly host: string;
  readonly status: number;
  /** OCI distribution spec, "Error Codes", or Google's own (`GOOGLE_MANIFEST_DANGLING_TAG`); empty without a readable body. */
  readonly code: string;

  constructor(host: string, what: string, status: number, code: string, detail: string) {
    super(`${host}: ${what}: ${status}${code ? ` ${code}` : ""}${detail ? `: ${detail}` : ""}`);
    this.name = "RegistryError";
    this.host = host;
    this.status = status;
    this.code = code;
  }
}

/** A host that could not be talked to for so long that it was given up, for everything that is still asked of it. */
export class UnreachableError extends Error {
  readonly host: string;

  constructor(host: string, cause: unknown) {
    super(`${host} is unreachable: ${causeOf(cause)}`, { cause });
    this.name = "UnreachableError";
    this.host = host;
  }
}

/** The connection broke or stood still on the way; the same again may succeed. */
export class InterruptedError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${causeOf(cause)}`, { cause });
    this.name = "InterruptedError";
  }
}

/** Content is not what its digest or size says. Never retried from the same place, never written anywhere. */
export class WrongContentError extends Error {
  /** The repository that gave it, when one did. */
  readonly from: Repository | undefined;

  constructor(what: string, from?: Repository) {
    super(what);
    this.name = "WrongContentError";
    this.from = from;
  }
}

/** Whether a refusal is about rights: repeating it for other content of the same repository is useless. */
export function isDenied(error: unknown): boolean {
  return error instanceof RegistryError && (error.status === 401 || error.status === 403);
}

/** OpenSSL's words for a certificate whose signer is not known here (Node's documentation, "X509 certificate error codes"). */
const unknownSigners = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);
/** A certificate that is not good, though its signer may be. */
const badCertificates = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Whether a host was not believed to be who it says: the same again will not be believed either. */
export function isDistrust(error: unknown): boolean {
  const code = codeOf(error);
  return unknownSigners.has(code) || badCertificates.has(code);
}

/** What can be done about a failure, for its message. */
function adviceOn(code: string): string {
  if (!unknownSigners.has(code)) return "";
  return "; if its certificate is from a CA of your own, name that CA's file (PEM) in the environment variable NODE_EXTRA_CA_CERTS";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** One printable line for a failure; foreign text in it can neither break the line nor steer a terminal or a CI log. */
export function causeOf(error: unknown): string {
  // Of several attempts to connect (IPv4, IPv6) only the parts say anything.
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0)
    return causeOf(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  const code = codeOf(error);
  const advice = adviceOn(code);
  const words = advice ? text.split(";", 1)[0]! : text; // without Node's own advice, which is about flags of its command line
  return printable(`${words}${code && !text.includes(code) ? ` (${code})` : ""}${advice}`, 500);
}

/** Foreign text for a message: control characters and what CI systems read as commands (`::`) are made harmless, and it is cut. */
export function printable(text: string, length: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").replace(/::/g, ": :");
  return clean.length > length ? `${clean.slice(0, length)}...` : clean;
}
