/**
 * What the redirector knows of a request and says in return, as plain values: the seam between its core, which knows no runtime,
 * and whatever carries HTTP.
 */

/** A request as it came over the wire. */
export interface IncomingRequest {
  readonly method: string;
  /** The request target exactly as received (RFC 9112 section 3.2): nothing decoded, nothing resolved. */
  readonly target: string;
  /** Address of the other end of the connection, where the carrier knows it. */
  readonly peer: string | undefined;
  /** Value of a header by its lower-case name; several lines of one name joined by `, `. */
  header(name: HeaderName): string | undefined;
}

/** The request headers that the redirector ever looks at. */
export type HeaderName =
  | "accept"
  | "accept-encoding"
  | "traceparent"
  | "user-agent"
  | "x-client-latlong"
  | "x-cloud-trace-context"
  | "x-forwarded-for";

/** Headers that answers of one kind share. There is a fixed number of them, so that a carrier may prepare each one once. */
export type HeaderSet = readonly (readonly [name: string, value: string])[];

/** An answer. The carrier adds Date and Content-Length and leaves the body out for HEAD. Location is ASCII, so is a body that is not binary. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderSet;
  readonly location?: string;
  readonly body?: string;
  /** The body has a character for each byte (latin1). */
  readonly binary?: true;
}
