import { toStandardError, traceTo } from "../promotion/http/trace.ts";

/** What --trace does, in the help of a command that talks to registries and buckets. */
export const traceDescription =
  "print one line per HTTP request to standard error: method, host, path, status, ms, bytes, try; no credentials (ARTIFACTS_TRACE=1 in the environment does the same, also for pulumi)";

/** Writes a line to standard error for each request of this process from now on, if the option is given. */
export function traceIfAsked(asked: boolean | undefined): void {
  if (asked === true) traceTo(toStandardError);
}
