import type { ByteSlice } from "../http1/byte-slice.ts";

/**
 * A number from 0 to 100 for a client's network, the same in every instance: mirrors that get a share of all clients get those whose ticket is in their
 * part. So all requests of one pull, also over some addresses of one network, go to one mirror. The network is the text before an IPv4 address's last
 * dot (/24), or before an IPv6 address's third colon (/48 in the text form that load balancers write).
 */
export function ticketOf({ bytes, from, to }: ByteSlice): number {
  let end = to;
  for (let at = to - 1; at >= from; at--) {
    if (bytes[at] !== dot) continue;
    end = at;
    break;
  }
  let colons = end === to ? 3 : 0;
  // FNV-1a of 32 bits, then mixed as in MurmurHash3: neighbours are spread over all shares.
  let hash = 2_166_136_261;
  for (let at = from; at < end; at++) {
    const code = bytes[at]!;
    if (code === colon && --colons === 0) break;
    hash = Math.imul(hash ^ code, 16_777_619);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 2_246_822_507);
  hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909);
  return ((hash ^ (hash >>> 16)) >>> 0) / (2 ** 32 / 100);
}

const dot = 46;
const colon = 58;
