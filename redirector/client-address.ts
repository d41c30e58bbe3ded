/**
 * The client's address as text, from X-Forwarded-For. Only the right end of that header is written by our own proxies: the
 * client's address is the one before the `trustedHops` last ones, everything left of it anyone can forge. Without the header
 * the connection's peer is the client. A header that is too short says nothing: undefined. Not checked to be an address.
 */
export function clientAddress(
  forwardedFor: string | undefined,
  peer: string | undefined,
  trustedHops: number,
): string | undefined {
  if (forwardedFor === undefined || forwardedFor === "") return peer;
  let end = forwardedFor.length;
  for (let hop = 0; hop < trustedHops; hop++) {
    end = forwardedFor.lastIndexOf(",", end - 1);
    if (end <= 0) return undefined;
  }
  const text = forwardedFor.slice(forwardedFor.lastIndexOf(",", end - 1) + 1, end).trim();
  return text === "" ? undefined : withoutPort(text);
}

/** `1.2.3.4:443`, `[2001:db8::1]` and `[2001:db8::1]:443` without what is not the address. */
function withoutPort(text: string): string {
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    return close === -1 ? text : text.slice(1, close);
  }
  const colon = text.indexOf(":");
  return colon !== -1 && colon === text.lastIndexOf(":") ? text.slice(0, colon) : text;
}
