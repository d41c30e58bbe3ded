import type { ByteSlice } from "./byte-slice.ts";

/**
 * Requests and responses as plain values: the interface between the redirector's core, which is independent of the runtime, and the
 * HTTP server.
 */

/** A request as received. */
export interface IncomingRequest {
  readonly method: string;
  /**
   * The request target exactly as received (RFC 9112 section 3.2): not decoded, not normalized. Targets are cached, so it is a
   * string of its own: a substring would keep the longer text in memory.
   */
  readonly target: string;
  /** Address of the connection's peer, if the server knows it. */
  readonly peer: ByteSlice | undefined;
  /** X-Forwarded-For and the load balancer's X-Client-Latlong, which every request needs; several lines joined by `, `. */
  readonly forwardedFor: ByteSlice | undefined;
  readonly latlong: ByteSlice | undefined;
  /** Value of another header by its lower-case name; several lines of one name joined by `, `. */
  header(name: HeaderName): string | undefined;
}

/** The other request headers that the redirector reads. */
export type HeaderName = "accept" | "accept-encoding" | "traceparent" | "user-agent" | "x-cloud-trace-context";

/** Headers that all responses of one kind share. Their number is fixed, so that the server can serialize each set once. */
export type HeaderSet = readonly (readonly [name: string, value: string])[];

/**
 * A response. The server adds Date and Content-Length and leaves out the body for HEAD. The body is latin1 (one character per byte), the
 * Location is ASCII.
 */
export interface OutgoingResponse {
  readonly status: number;
  readonly headers: HeaderSet;
  readonly location?: string;
  /** Value of Link (RFC 8288), ASCII. */
  readonly link?: string;
  readonly body?: string;
  /** The value of Content-Length in the response to a HEAD, if the body is not at hand. */
  readonly length?: number;
}
