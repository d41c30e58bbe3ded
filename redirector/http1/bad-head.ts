/** A request head that is refused, after which the connection ends. */
export interface BadHead {
  readonly status: 400 | 414 | 431 | 501 | 505;
  /** Shown to the client. */
  readonly reason: string;
}

/** The first line is not a request line of HTTP/1 (RFC 9112 section 3). */
export const notRequestLine: BadHead = { status: 400, reason: "the request line is not one of HTTP/1.1" };

/** The same, already certain from the first bytes. */
export const noMethod: BadHead = { ...notRequestLine };
