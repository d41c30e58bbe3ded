import { type ByteSlice, sliceOf } from "../../../redirector/http1/byte-slice.ts";
import type { IncomingRequest } from "../../../redirector/http1/request.ts";

/** A request with these headers, by their lower-case names, as a carrier of HTTP hands it to the core. */
export function asked(
  method: string,
  target: string,
  header: (name: string) => string | undefined = () => undefined,
  peer?: string,
): IncomingRequest {
  const piece = (name: string): ByteSlice | undefined => {
    const value = header(name);
    return value === undefined ? undefined : sliceOf(value);
  };
  return {
    method,
    target,
    peer: peer === undefined ? undefined : sliceOf(peer),
    forwardedFor: piece("x-forwarded-for"),
    latlong: piece("x-client-latlong"),
    header,
  };
}
