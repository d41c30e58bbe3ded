import { sliceOf } from "../http1/byte-slice.ts";
import { readAddress } from "./address.ts";

/** An address block that a cloud publishes for a region. */
export interface Prefix {
  readonly cloud: "aws" | "gcp" | "azure";
  readonly region: string;
  readonly family: 4 | 6;
  /** First address of the block. */
  readonly start: bigint;
  /** 0 to 32 (IPv4) or 128 (IPv6). */
  readonly length: number;
}

/** Parses a block in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3). Throws an error with the text if it is invalid. */
export function readPrefix(cloud: Prefix["cloud"], region: string, cidr: string): Prefix {
  const [, address, digits] = /^([0-9a-fA-F.:]+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? [];
  const words = new Uint32Array(4);
  const family = address === undefined ? 0 : readAddress(sliceOf(address), words);
  if (family === 0) throw new Error(`${cloud} ${region}: ${JSON.stringify(cidr)} is not a block of addresses`);
  const length = Number(digits);
  const bits = family === 4 ? 32 : 128;
  const start = family === 4 ? BigInt(words[0]!) : words.reduce((all, word) => (all << 32n) | BigInt(word), 0n);
  if (length > bits || start % (1n << BigInt(bits - length)) !== 0n) {
    throw new Error(
      `${cloud} ${region}: ${JSON.stringify(cidr)} is not a block of addresses: its length does not fit its address`,
    );
  }
  return { cloud, region, family, start, length };
}
