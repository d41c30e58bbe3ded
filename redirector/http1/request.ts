import type { ByteSlice } from "./byte-slice.ts";

/**
 * What the redirector knows of a request and says in return, as plain values: the seam between its core, which knows no runtime,
 * and whatever carries HTTP.
 */

/** A request as it came over the wire. */
export interface IncomingRequest {
  readonly method: string;
  /**
   * The request target exactly as received (RFC 9112 section 3.2): nothing decoded, nothing resolved. Some are kept, so it is no part of a
   * longer text, which would be kept with it.
   */
  readonly target: string;
  /** Address of the other end of the connection, where the carrier knows it. */
  readonly peer: ByteSlice | undefined;
  /** X-Forwarded-For and the load balancer's X-Client-Latlong, which each request is asked for; several lines joined by `, `. */
  readonly forwardedFor: ByteSlice | undefined;
  readonly latlong: ByteSlice | undefined;
  /** Value of another header by its lower-case name; several lines of one name joined by `, `. */
  header(name: HeaderName): string | undefined;
}

/** The other request headers that the redirector ever looks at. */
export type HeaderName = "accept" | "accept-encoding" | "traceparent" | "user-agent" | "x-cloud-trace-context";

/** Headers that answers of one kind share. There is a fixed number of them, so that a carrier may prepare each one once. */
export type HeaderSet = readonly (readonly [name: string, value: string])[];

/**
 * An answer. The carrier adds Date and Content-Length and leaves the body out for HEAD. The body has a character for each byte (latin1), the
 * Location is ASCII.
 */
export interface OutgoingResponse {
  readonly status: number;
  readonly headers: HeaderSet;
  readonly location?: string;
  /** Value of Link (RFC 8288), ASCII. */
  readonly link?: string;
  readonly body?: string;
}
