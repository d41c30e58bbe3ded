import type { FailureKind } from "../http/failure-kind.ts";
import { isTransientStatus } from "../http/retry-policy.ts";
import type { Repository } from "./repository.ts";

/** A failure response of a registry: its status and, if there is one, its OCI error code. */
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

  /** Whether there were too many requests: some registries answer 403 to them. */
  get isRateLimited(): boolean {
    return this.status === 429 || this.code === "TOOMANYREQUESTS";
  }

  get failureKind(): FailureKind {
    if (this.isRateLimited || isTransientStatus(this.status)) return "transient";
    return isDenied(this) ? "denied" : "permanent";
  }
}

/** Content does not match its digest or size. It is never read again from the same repository and never written anywhere. */
export class WrongContentError extends Error {
  readonly failureKind = "permanent";
  /** The repository that it was read from, if any. */
  readonly from: Repository | undefined;

  constructor(what: string, from?: Repository) {
    super(what);
    this.name = "WrongContentError";
    this.from = from;
  }
}

/** Whether a request was refused for lack of permissions: other requests to the same repository will be refused too. */
export function isDenied(error: unknown): boolean {
  return error instanceof RegistryError && (error.status === 401 || error.status === 403);
}
