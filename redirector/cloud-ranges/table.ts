import type { CloudRanges, CloudRegion } from "../client/client.ts";
import { readAddress } from "./address.ts";

/**
 * The table of the clouds' addresses, as stored and searched: the address space of each family is divided into intervals, each of one
 * region or of none, sorted by first address. Building the table (flatten.ts) resolves nested blocks, so that the interval of an address is
 * its longest matching prefix. The indexes of the search are stored too, because a client waits while an instance starts.
 * Little-endian, each part padded to a multiple of 8 bytes:
 *
 *     "cloud ranges 2\n\0"   16 bytes
 *     u32 n, n bytes         JSON {"regions": [{"cloud", "region"}...]}, padded with spaces
 *     u32 n4, n4 x u32       IPv4: first addresses
 *     n4 x u16               regions (65535: none)
 *     65537 x u16            for each upper half of an address the interval of its first address, and the last interval;
 *                            u32 if there are more than 65,536 intervals
 *     u32 n6, 4 n6 x u32     IPv6: first addresses, most significant word first
 *     n6 x u16               regions
 *     n6 x f64               the upper 53 bits of each first address
 */

const magic = "cloud ranges 2\n\0";
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
  /** Size of the table in memory. */
  readonly bytes: number;
  /** Like {@link CloudRanges.lookup}, for an address parsed by {@link readAddress}. */
  find(family: 4 | 6, words: Uint32Array): number;
}

/** A table without any cloud. */
export const emptyTable: LoadedTable = { regions: [], intervals: 0, bytes: 0, lookup: () => -1, find: () => -1 };

/** The stored form of a table. The same table gives the same bytes. */
export function storeTable({ regions, v4, v6 }: Table): Uint8Array {
  const json = Buffer.from(JSON.stringify({ regions: regions.map(({ cloud, region }) => ({ cloud, region })) }));
  const paddedJson = Buffer.alloc(Math.ceil((json.length + 4) / 8) * 8 - 4, " ");
  json.copy(paddedJson);
  return Buffer.concat([
    Buffer.from(magic, "latin1"),
    ...[word(paddedJson.length), paddedJson],
    ...[word(v4.starts.length), ...padded(v4.starts, 4), ...padded(v4.regions), ...padded(firstByHalf(v4.starts))],
    ...[word(v6.regions.length), ...padded(v6.starts, 4), ...padded(v6.regions), ...padded(keysOf(v6.starts))],
  ]);
}

/** A stored table with the indexes of the search. */
interface StoredTable extends Table {
  readonly index: Uint16Array | Uint32Array;
  readonly keys: Float64Array;
}

/** Reads a stored table. Throws an error if the bytes are not one. */
export function readTable(stored: Uint8Array): StoredTable {
  const bytes = new Uint8Array(stored); // from here on aligned to 8
  const reader = new Reader(bytes);
  if (Buffer.from(bytes.buffer, 0, Math.min(16, bytes.length)).toString("latin1") !== magic)
    throw new Error("is not a table of cloud ranges of this version: make it with `npm run ranges`");
  reader.skip(16);
  const json: unknown = JSON.parse(reader.text(reader.word()));
  const regions = (json as { regions?: unknown } | null)?.regions;
  if (!Array.isArray(regions) || !regions.every(isRegion)) throw new Error("has no list of regions");
  const count4 = reader.word();
  const v4 = { starts: reader.array(Uint32Array, count4, 4), regions: reader.array(Uint16Array, count4) };
  const index = count4 <= 0x10000 ? reader.array(Uint16Array, 0x10001) : reader.array(Uint32Array, 0x10001);
  const count6 = reader.word();
  const v6 = { starts: reader.array(Uint32Array, 4 * count6, 4), regions: reader.array(Uint16Array, count6) };
  const keys = reader.array(Float64Array, count6);
  for (const family of [v4, v6]) {
    // Sorted, because a loop over all takes longer than everything else here: the last one that is a region.
    const sorted = family.regions.toSorted();
    const none = sorted.indexOf(nowhere);
    if ((sorted[(none === -1 ? sorted.length : none) - 1] ?? -1) >= regions.length)
      throw new Error("names a region that it does not have");
  }
  if (count4 === 0 || v4.starts[0] !== 0 || count6 === 0 || v6.starts.subarray(0, 4).some((part) => part !== 0))
    throw new Error("does not begin at the first address");
  return { regions, v4, v6, index, keys };
}

/** Reads a stored table to be searched. Throws an error if the bytes are not one. */
export function loadTable(stored: Uint8Array): LoadedTable {
  const { regions, v4, v6, index, keys } = readTable(stored);
  const words = new Uint32Array(4);
  const find = (family: 4 | 6, address: Uint32Array): number => {
    const found = family === 4 ? search4(v4, index, address[0]!) : search6(v6, keys, address);
    return found === nowhere || found === undefined ? -1 : found;
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

/** For each upper half of an IPv4 address the interval of its first address; one more for the end. */
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
 * Both return undefined only for a table that storeTable did not make. Both are branchless binary searches: for random addresses a branch is mispredicted half of the
 * time, which takes twice as long. Each has its own loop, because a loop over both array types is optimized for neither (test/bench/redirector-lookup.ts).
 */

function search4(
  { starts, regions }: Intervals,
  index: Uint16Array | Uint32Array,
  address: number,
): number | undefined {
  const upper = address >>> 16;
  let low = index[upper]!;
  for (let left = index[upper + 1]! - low + 1; left > 1; ) {
    const half = left >>> 1;
    low += half & -+(starts[low + half]! <= address); // all bits, or none
    left -= half;
  }
  return regions[low];
}

/** The upper 53 bits of each first address, the precision of a number: one comparison instead of up to four. */
function keysOf(starts: Uint32Array): Float64Array {
  const keys = new Float64Array(starts.length / 4);
  for (let i = 0; i < keys.length; i++) keys[i] = keyOf(starts[i * 4]!, starts[i * 4 + 1]!);
  return keys;
}

function keyOf(first: number, second: number): number {
  return first * 0x200000 + (second >>> 11);
}

function search6({ starts, regions }: Intervals, keys: Float64Array, words: Uint32Array): number | undefined {
  const key = keyOf(words[0]!, words[1]!);
  let low = 0;
  for (let left = keys.length; left > 1; ) {
    const half = left >>> 1;
    low += half & -+(keys[low + half]! <= key);
    left -= half;
  }
  return regions[keys[low] === key ? lastNotAfter(starts, words, low) : low];
}

/** The last interval up to `high` that does not start after the address, compared in all bits. */
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

/** The numbers' bytes with padding. Assumes a little-endian machine, as all supported platforms are. */
function padded(numbers: Uint16Array | Uint32Array | Float64Array, before = 0): [Uint8Array, Uint8Array] {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return [bytes, new Uint8Array(-(before + bytes.length) & 7)];
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

interface NumbersKind<Numbers> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, from: number, count: number): Numbers;
}

/** Reads the stored form front to back; views instead of copies. */
class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
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

  /** A padded array of `count` numbers; `before` is the number of bytes before them in the same padding. */
  array<Numbers>(kind: NumbersKind<Numbers>, count: number, before = 0): Numbers {
    const length = count * kind.BYTES_PER_ELEMENT;
    return new kind(this.#bytes.buffer, this.skip(length + (-(before + length) & 7)), count);
  }
}
