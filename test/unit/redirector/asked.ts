import { type Piece, pieceOf } from "../../../redirector/piece.ts";
import type { IncomingRequest } from "../../../redirector/request.ts";

/** A request with these headers, by their lower-case names, as a carrier of HTTP hands it to the core. */
export function asked(
  method: string,
  target: string,
  header: (name: string) => string | undefined = () => undefined,
  peer?: string,
): IncomingRequest {
  const piece = (name: string): Piece | undefined => {
    const value = header(name);
    return value === undefined ? undefined : pieceOf(value);
  };
  return {
    method,
    target,
    peer: peer === undefined ? undefined : pieceOf(peer),
    forwardedFor: piece("x-forwarded-for"),
    latlong: piece("x-client-latlong"),
    header,
  };
}
