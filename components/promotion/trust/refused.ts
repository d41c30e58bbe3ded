import { VerificationError } from "@sigstore/verify";
import { printable } from "../text/printable.ts";

/** Something is not verified. The message says why, for people, in one printable line. */
export class RefusedError extends Error {
  constructor(message: string) {
    super(printable(message, 400));
    this.name = "RefusedError";
  }
}

/** Why the libraries refuse something, as a {@link RefusedError}. They throw other errors on bytes that are not what they should be. */
export function refusedBecause(error: unknown): RefusedError {
  if (error instanceof RefusedError) return error;
  if (!(error instanceof VerificationError)) return new RefusedError(`it cannot be read: ${textOf(error)}`);
  const why = error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
  const said = reasons[error.code];
  if (error.code === "TIMESTAMP_ERROR" && /^expected \d+ timestamps, got 0$/.test(error.message))
    return new RefusedError(
      "nothing proves when it was signed: it has neither a timestamp nor a log entry with a time",
    );
  if (error.code === "TLOG_ERROR" && /, got 0$/.test(error.message))
    return new RefusedError("it is in no transparency log");
  if (error.code === "CERTIFICATE_ERROR" && /SCT/.test(error.message))
    return new RefusedError(`no trusted certificate log has its certificate (${why})`);
  return new RefusedError(said === undefined ? why : `${said} (${why})`);
}

const reasons: Readonly<Record<string, string | undefined>> = {
  CERTIFICATE_ERROR: "its certificate is not from a trusted authority, or was not valid when it signed",
  PUBLIC_KEY_ERROR: "no key that is trusted signed it",
  SIGNATURE_ERROR: "the signature is not valid",
  TIMESTAMP_ERROR: "its time is not from a trusted authority",
  TLOG_ERROR: "its log entries are not valid",
  TLOG_BODY_ERROR: "its log entry is about something else",
  TLOG_INCLUSION_PROOF_ERROR: "no trusted log has its entry",
  TLOG_INCLUSION_PROMISE_ERROR: "no trusted log has promised its entry",
  TLOG_MISSING_INCLUSION_ERROR: "nothing proves that its log entry is in the log",
};

function textOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
