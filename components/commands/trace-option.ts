import { toStandardError, traceTo } from "../promotion/http/trace.ts";

/** The option's line in the usage of a command that talks to registries and buckets. */
export const traceUsage = `  --trace             print one line per HTTP request to standard error: method, host, path, status, ms, bytes, try; no credentials
                      (ARTIFACTS_TRACE=1 in the environment does the same, also for pulumi)`;

/** The option, for node:util parseArgs. */
export const traceOption = { type: "boolean", default: false } as const;

/** Writes a line to standard error for each request of this process from now on, if the option is given. */
export function traceIfAsked(asked: boolean): void {
  if (asked) traceTo(toStandardError);
}
