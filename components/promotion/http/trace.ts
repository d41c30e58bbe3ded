/**
 * A trace of every HTTP request, one line each, to find out why a promotion fails or is slow. Turned on by `--trace`,
 * or by ARTIFACTS_TRACE=1 in the environment, which the provider plugin under `pulumi up` inherits. Lines contain no
 * headers, no bodies and no unknown query parameters, so no tokens and no signatures.
 */
import { printable } from "../text/printable.ts";

/** A request that waits for its response. */
export interface PendingTrace {
  /** Writes the line. Further calls do nothing. */
  end(result: TraceResult): void;
}

/** How a request ended. */
export interface TraceResult {
  /** Undefined if there was no response. */
  readonly status?: number | undefined;
  /** Why there was no complete response. */
  readonly error?: unknown;
  /** Bytes of the request's body. */
  readonly sent?: number | undefined;
  /** Bytes of the response's body; undefined if they are not counted. */
  readonly received?: number | undefined;
}

/** Writes one line, without a line feed. */
export type TraceWriter = (line: string) => void;

let write: TraceWriter | undefined = process.env["ARTIFACTS_TRACE"] === "1" ? toStandardError : undefined;

/** Sets where the line for each request of this process is written from now on; undefined turns the trace off. */
export function traceTo(writer: TraceWriter | undefined): void {
  write = writer;
}

/** One line to standard error. */
export function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Starts the trace of a request.
 * @param attempt 1 for the first try.
 * @returns undefined if nothing is traced, which costs nothing.
 */
export function startTrace(method: string, url: string, attempt: number): PendingTrace | undefined {
  const writer = write;
  if (!writer) return undefined;
  const started = performance.now();
  let isWritten = false;
  return {
    end(result) {
      if (isWritten) return;
      isWritten = true;
      writer(traceLine(method, url, attempt, Math.round(performance.now() - started), result));
    },
  };
}

/** `trace: GET host /path status=200 ms=12 sent=0 received=340 try=1`, with ` error="..."` after a failure. */
function traceLine(method: string, url: string, attempt: number, ms: number, result: TraceResult): string {
  const { host, pathname, search } = new URL(url);
  const { status = "-", sent = 0, received = "-", error } = result;
  const why = error === undefined ? "" : ` error=${JSON.stringify(printable(messageOf(error), 200))}`;
  const where = `${host} ${printable(pathname, 1_000)}${safeQuery(search)}`;
  return `trace: ${method} ${where} status=${status} ms=${ms} sent=${sent} received=${received} try=${attempt}${why}`;
}

/** Query parameters whose values are useful and not secret: of the distribution API, its token servers, GCS's JSON API and S3. */
const shown = new Set([
  "n",
  "last",
  "digest",
  "mount",
  "from",
  "service",
  "scope",
  "artifactType",
  "prefix",
  "delimiter",
  "fields",
  "name",
  "alt",
  "generation",
  "ifGenerationMatch",
  "sourceGeneration",
  "maxResults",
  "uploadType",
  "list-type",
  "max-keys",
  "max-parts",
  "partNumber",
  "uploads",
  "versions",
  "versioning",
  "x-id",
]);

/** The parameters that may be shown; `...` replaces the others, such as signatures and upload ids. */
function safeQuery(search: string): string {
  const parameters = [...new URLSearchParams(search)];
  const safe = parameters.filter(([name]) => shown.has(name));
  const texts = safe.map(([name, value]) => `${name}=${printable(value, 300).replaceAll(" ", "%20")}`);
  if (safe.length < parameters.length) texts.push("...");
  return texts.length > 0 ? `?${texts.join("&")}` : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
