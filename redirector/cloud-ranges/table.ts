import type { CloudRanges, CloudRegion } from "../client.ts";
import { readAddress } from "./address.ts";

/**
 * The table of the clouds' addresses as it is stored and searched: the address space of each family cut into intervals, each of
 * one region or of none, sorted by their first address. As nested blocks are cut out when the table is made (flatten.ts), the
 * interval of an address is its longest matching prefix. Little-endian:
 *
 *     "cloud ranges 1\n\0"   16 bytes
 *     u32 n, n bytes         JSON {"regions": [{"cloud", "region"}...]}, padded with spaces to a multiple of 4
 *     u32 n4                 IPv4: n4 first addresses (u32), n4 regions (u16, 65535: none), padded to 4
 *     u32 n6                 IPv6: n6 first addresses (4 x u32, most significant first), n6 regions (u16), padded to 4
 */

const magic = "cloud ranges 1\n\0";
const nowhere = 0xffff;

/** Intervals of one family: `starts` has one word per interval for IPv4, four for IPv6; the first interval starts at 0. */
export interface Intervals {
  readonly starts: Uint32Array;
  /** Index of the region, or 65535. */
  readonly regions: Uint16Array;
}

/** A table to be stored. */
export interface Table {
  readonly regions: readonly CloudRegion[];
  readonly v4: Intervals;
  readonly v6: Intervals;
}

/** A table to be searched. */
export interface LoadedTable extends CloudRanges {
  /** Intervals of both families. */
  readonly intervals: number;
  /** What the table takes in memory. */
  readonly bytes: number;
  /** As {@link CloudRanges.lookup}, of an address that {@link readAddress} has read. */
  find(family: 4 | 6, words: Uint32Array): number;
}

/** A table that knows no cloud. */
export const emptyTable: LoadedTable = { regions: [], intervals: 0, bytes: 0, lookup: () => -1, find: () => -1 };

/** The stored form of a table. The same table gives the same bytes. */
export function storeTable({ regions, v4, v6 }: Table): Uint8Array {
  const json = JSON.stringify({ regions: regions.map(({ cloud, region }) => ({ cloud, region })) });
  const padded = Buffer.from(json + " ".repeat((4 - (Buffer.byteLength(json) % 4)) % 4));
  return Buffer.concat([
    Buffer.from(magic, "latin1"),
    word(padded.length),
    padded,
    storeIntervals(v4),
    storeIntervals(v6),
  ]);
}

/** Reads a stored table to be searched. Throws an error if the bytes are not one. */
export function loadTable(stored: Uint8Array): LoadedTable {
  return searchable(readTable(stored));
}

/** Reads a stored table. Throws an error if the bytes are not one. */
export function readTable(stored: Uint8Array): Table {
  const bytes = new Uint8Array(stored); // from here on aligned to 4
  const reader = new Reader(bytes);
  if (Buffer.from(bytes.buffer, 0, Math.min(16, bytes.length)).toString("latin1") !== magic)
    throw new Error("is not a table of cloud ranges");
  reader.skip(16);
  const json: unknown = JSON.parse(reader.text(reader.word()));
  const regions = (json as { regions?: unknown } | null)?.regions;
  if (!Array.isArray(regions) || !regions.every(isRegion)) throw new Error("has no list of regions");
  const starts4 = reader.words(1);
  const v4 = { starts: starts4, regions: reader.halves(starts4.length) };
  const starts6 = reader.words(4);
  const v6 = { starts: starts6, regions: reader.halves(starts6.length / 4) };
  for (const family of [v4, v6]) {
    for (const index of family.regions) {
      if (index !== nowhere && index >= regions.length) throw new Error("names a region that it does not have");
    }
  }
  return { regions, v4, v6 };
}

/** Makes a table searchable. Throws if an interval list does not begin at the first address. */
function searchable({ regions, v4, v6 }: Table): LoadedTable {
  if (v4.starts[0] !== 0 || v6.starts.subarray(0, 4).some((part) => part !== 0) || v6.starts.length < 4) {
    throw new Error("does not begin at the first address");
  }
  const index = firstByHalf(v4.starts);
  const keys = keysOf(v6.starts);
  const words = new Uint32Array(4);
  const find = (family: 4 | 6, address: Uint32Array): number => {
    const found = family === 4 ? search4(v4, index, address[0]!) : search6(v6, keys, address);
    return found === nowhere ? -1 : found;
  };
  return {
    regions,
    find,
    intervals: v4.regions.length + v6.regions.length,
    bytes: [v4.starts, v4.regions, index, v6.starts, v6.regions, keys].reduce(
      (sum, array) => sum + array.byteLength,
      0,
    ),
    lookup(address) {
      const family = readAddress(address, words);
      return family === 0 ? -1 : find(family, words);
    },
  };
}

/** For each upper half of an IPv4 address the interval that holds its first address; one more for the end. */
function firstByHalf(starts: Uint32Array): Uint16Array | Uint32Array {
  const index = starts.length <= 0x10000 ? new Uint16Array(0x10001) : new Uint32Array(0x10001);
  let interval = 0;
  for (let half = 0; half <= 0xffff; half++) {
    while (interval + 1 < starts.length && starts[interval + 1]! <= half * 0x10000) interval++;
    index[half] = interval;
  }
  index[0x10000] = starts.length - 1;
  return index;
}

/*
 * Both searches halve the interval without a branch on the comparison, which for addresses from everywhere would be guessed wrong half of
 * the time: twice as quick. Each has its own loop, as one over both kinds of array is compiled for neither (test/bench/redirector-lookup.ts).
 */

function search4({ starts, regions }: Intervals, index: Uint16Array | Uint32Array, address: number): number {
  const upper = address >>> 16;
  let low = index[upper]!;
  for (let left = index[upper + 1]! - low + 1; left > 1; ) {
    const half = left >>> 1;
    low += half & -+(starts[low + half]! <= address); // all bits, or none
    left -= half;
  }
  return regions[low]!;
}

/** The upper 53 bits of each first address, as many as a number holds: one comparison instead of up to four. */
function keysOf(starts: Uint32Array): Float64Array {
  const keys = new Float64Array(starts.length / 4);
  for (let i = 0; i < keys.length; i++) keys[i] = keyOf(starts[i * 4]!, starts[i * 4 + 1]!);
  return keys;
}

function keyOf(first: number, second: number): number {
  return first * 0x200000 + (second >>> 11);
}

function search6({ starts, regions }: Intervals, keys: Float64Array, words: Uint32Array): number {
  const key = keyOf(words[0]!, words[1]!);
  let low = 0;
  for (let left = keys.length; left > 1; ) {
    const half = left >>> 1;
    low += half & -+(keys[low + half]! <= key);
    left -= half;
  }
  return regions[keys[low] === key ? lastNotAfter(starts, words, low) : low]!;
}

/** The last interval up to `high` that does not begin after the address, looked for in all their bits. */
function lastNotAfter(starts: Uint32Array, words: Uint32Array, high: number): number {
  let from = 0;
  let to = high;
  while (from < to) {
    const middle = (from + to + 1) >>> 1;
    if (beginsAfter(starts, middle * 4, words)) to = middle - 1;
    else from = middle;
  }
  return from;
}

function beginsAfter(starts: Uint32Array, at: number, words: Uint32Array): boolean {
  for (let word = 0; word < 4; word++) {
    const difference = starts[at + word]! - words[word]!;
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function storeIntervals({ starts, regions }: Intervals): Uint8Array {
  const halves = Buffer.alloc(Math.ceil(regions.length / 2) * 4);
  for (const [i, region] of regions.entries()) halves.writeUInt16LE(region, i * 2);
  const wide = Buffer.alloc(starts.length * 4);
  for (const [i, start] of starts.entries()) wide.writeUInt32LE(start, i * 4);
  return Buffer.concat([word(regions.length), wide, halves]);
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function isRegion(value: unknown): value is CloudRegion {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<CloudRegion>).cloud === "string" &&
    typeof (value as Partial<CloudRegion>).region === "string"
  );
}

/** Reads the stored form front to back; views instead of copies, as every machine that runs this is little-endian. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  skip(count: number): number {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw new Error("is cut short");
    this.#at = from + count;
    return from;
  }

  word(): number {
    return new DataView(this.#bytes.buffer).getUint32(this.skip(4), true);
  }

  text(count: number): string {
    return Buffer.from(this.#bytes.buffer, this.skip(count), count).toString("utf8");
  }

  /** A counted list of groups of words. */
  words(group: number): Uint32Array {
    const count = this.word() * group;
    return new Uint32Array(this.#bytes.buffer, this.skip(count * 4), count);
  }

  halves(count: number): Uint16Array {
    return new Uint16Array(this.#bytes.buffer, this.skip(Math.ceil(count / 2) * 4), count);
  }
}
