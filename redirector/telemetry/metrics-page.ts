import type { HeaderSet, OutgoingResponse } from "../http1/request.ts";
import { exposeState, type InstanceState, metricsContentType, type RequestMetrics } from "./metrics.ts";

/** The response on the metrics port: `/metrics` only. */
export function metricsResponse(
  method: string,
  target: string,
  metrics: RequestMetrics,
  state: InstanceState,
): OutgoingResponse {
  if (method !== "GET" && method !== "HEAD") return { status: 405, headers: notAllowed, body: "only GET and HEAD\n" };
  if (target.split("?")[0] !== "/metrics") return { status: 404, headers: text, body: "not found: try /metrics\n" };
  return { status: 200, headers: exposition, body: metrics.expose() + exposeState(state) };
}

const text: HeaderSet = [["Content-Type", "text/plain; charset=utf-8"]];
const notAllowed: HeaderSet = [...text, ["Allow", "GET, HEAD"]];
const exposition: HeaderSet = [
  ["Content-Type", metricsContentType],
  ["Cache-Control", "no-store"],
];
