import type { Client } from "../client/client.ts";
import { readAddress } from "../cloud-ranges/address.ts";
import type { RedirectorConfig } from "../config.ts";
import { type ByteSlice, textOf } from "../http1/byte-slice.ts";
import type { IncomingRequest } from "../http1/request.ts";
import { originForm } from "../routing/route.ts";

/** One completed request. */
export interface Access {
  readonly request: IncomingRequest;
  readonly address: ByteSlice | undefined;
  readonly client: Client;
  readonly route: string;
  readonly mirror: string;
  /** Why the client was redirected past its own mirror, if it was. */
  readonly detour?: string | undefined;
  readonly status: number;
  readonly milliseconds: number;
}

const longestTarget = 1024;
const longestAgent = 256;

/** The log fields of a request: fields of a Cloud Logging entry (LogEntry, HttpRequest). The client's address is shortened as configured. */
export function accessFields(access: Access, { host, log }: RedirectorConfig): Record<string, unknown> {
  const { request, client, address, status, milliseconds } = access;
  const shown = address === undefined ? undefined : shownAddress(address, log.clientAddress);
  return {
    httpRequest: {
      requestMethod: request.method.slice(0, 16),
      requestUrl: `https://${host}${originForm(request.target).slice(0, longestTarget)}`,
      status,
      latency: `${(milliseconds / 1000).toFixed(6)}s`,
      userAgent: request.header("user-agent")?.slice(0, longestAgent),
      remoteIp: log.clientAddress === "full" ? shown : undefined,
    },
    clientNetwork: log.clientAddress === "network" ? shown : undefined,
    route: access.route,
    mirror: access.mirror || undefined,
    detour: access.detour,
    cloud: client.cloud || undefined,
    cloudRegion: client.region || undefined,
    ...traceFields(request, log.traceProject),
  };
}

/** The address, its network (/24 of IPv4, /48 of IPv6) or undefined, as configured; undefined for an invalid address. */
function shownAddress(address: ByteSlice, how: RedirectorConfig["log"]["clientAddress"]): string | undefined {
  const words = new Uint32Array(4);
  const family = readAddress(address, words);
  if (how === "none" || family === 0) return undefined;
  if (how === "full") return textOf(address);
  const [first = 0, second = 0] = words;
  if (family === 4) return `${first >>> 24}.${(first >>> 16) & 255}.${(first >>> 8) & 255}.0/24`;
  return `${(first >>> 16).toString(16)}:${(first & 0xffff).toString(16)}:${(second >>> 16).toString(16)}::/48`;
}

/** W3C Trace Context, "traceparent"; else Google's older header, whose span is decimal. Only valid values are logged. */
function traceFields(request: IncomingRequest, project: string | undefined): Record<string, unknown> {
  const [trace, span, sampled] = traceparent(request.header("traceparent")) ??
    cloudTraceContext(request.header("x-cloud-trace-context")) ?? [undefined, undefined, undefined];
  if (trace === undefined) return {};
  return {
    "logging.googleapis.com/trace": project === undefined ? trace : `projects/${project}/traces/${trace}`,
    "logging.googleapis.com/spanId": span,
    "logging.googleapis.com/trace_sampled": sampled,
  };
}

type Trace = readonly [trace: string, span: string | undefined, sampled: boolean];

function traceparent(text = ""): Trace | undefined {
  const [, trace, span, flags = "0"] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(text) ?? [];
  return trace === undefined ? undefined : [trace, span, (Number.parseInt(flags, 16) & 1) === 1];
}

function cloudTraceContext(text = ""): Trace | undefined {
  const [, trace, span, options] = /^([0-9a-f]{32})(?:\/(\d{1,20}))?(?:;o=([01]))?/.exec(text) ?? [];
  if (trace === undefined) return undefined;
  const hex = span === undefined ? undefined : BigInt.asUintN(64, BigInt(span)).toString(16).padStart(16, "0");
  return [trace, hex, options === "1"];
}
