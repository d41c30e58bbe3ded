/** A call of the Cloud Run Admin API v2 about the jobs on mirrors, and what its failures mean to people. */
import type { z } from "zod";
import { fillJobName, type MirrorJob } from "../mirrors/fill-names.ts";
import { causeOf } from "../promotion/http/errors.ts";
import { RateGate, retrying, TransientError } from "../promotion/http/retry.ts";
import { parseRetryAfter } from "../promotion/http/retry-after.ts";
import { isTransientStatus, isTransportError } from "../promotion/http/retry-policy.ts";
import { printable } from "../promotion/text/printable.ts";
import type { StackConfig } from "../stack/config.ts";
import { googleHeaders } from "../stack/google-headers.ts";
import { asking, CommandError } from "./command.ts";

/** What the calls need to know of the stack. */
export interface RunSettings extends Pick<StackConfig, "project" | "runEndpoint"> {
  /** Which job; default: the one that fills. */
  readonly job?: MirrorJob;
}

/** Cloud Run did not answer, or answered that it will later, at each attempt. */
export class CloudRunUnavailable extends CommandError {}

interface CloudRunCall<Schema extends z.ZodType> {
  readonly region: string;
  /** Below the API's endpoint. */
  readonly path: string;
  /** What the call needs. */
  readonly permission: string;
  readonly schema: Schema;
  /** Of a POST. */
  readonly body?: string;
  /** Whether the same call may be made again when its end is unknown. Default: those without a body. */
  readonly isRepeatable?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The response; undefined for 404.
 * @throws CommandError, of which {@link CloudRunUnavailable} says that a later call may succeed.
 */
export async function callCloudRun<Schema extends z.ZodType>(
  settings: RunSettings,
  call: CloudRunCall<Schema>,
): Promise<z.infer<Schema> | undefined> {
  const { body, isRepeatable = body === undefined, signal = new AbortController().signal } = call;
  const url = new URL(call.path, settings.runEndpoint ?? "https://run.googleapis.com/v2/").href;
  const once = () => callOnce(settings, call, url, signal);
  return await asking(url, async () => {
    try {
      return await (isRepeatable ? retrying(new RateGate(), signal, once) : once());
    } catch (error) {
      throw error instanceof TransientError ? new CloudRunUnavailable(error.message, { cause: error }) : error;
    }
  });
}

async function callOnce<Schema extends z.ZodType>(
  { project, runEndpoint, job = fillJobName }: RunSettings,
  { region, permission, schema, body }: CloudRunCall<Schema>,
  url: string,
  signal: AbortSignal,
): Promise<z.infer<Schema> | undefined> {
  const scope = "https://www.googleapis.com/auth/cloud-platform";
  const headers = runEndpoint === undefined ? await googleHeaders(project, scope) : {};
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      ...(body !== undefined && { method: "POST", body }),
      headers: { ...headers, "content-type": "application/json" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]),
    });
    text = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    // fetch says no more than that it failed.
    const { cause = error } = error as Error;
    if (!isTransportError(cause)) throw error;
    throw new TransientError(`${url}: ${causeOf(cause)}`, { cause });
  }
  if (response.ok) return schema.parse(JSON.parse(text));
  const said = printable(text, 300);
  switch (response.status) {
    case 404:
      return undefined;
    case 403:
      throw new CommandError(
        `Cloud Run refuses ${permission} on ${job} in ${region} (403 ${said}): the deploying identity has it by roles/run.admin`,
      );
    default: {
      const why =
        response.status === 429
          ? `Cloud Run's quota in ${region} is used up (429 ${said}): try again in a minute; npm run steps says where quotas are raised`
          : `${url} answers ${response.status} ${said}`;
      if (!isTransientStatus(response.status)) throw new CommandError(why);
      throw new TransientError(why, {
        retryAfterMs: parseRetryAfter(response.headers.get("retry-after") ?? undefined),
      });
    }
  }
}
