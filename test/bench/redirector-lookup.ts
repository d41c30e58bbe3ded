import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readAddress } from "../../redirector/cloud-ranges/address.ts";
import { flatten } from "../../redirector/cloud-ranges/flatten.ts";
import { readPrefix } from "../../redirector/cloud-ranges/prefix.ts";
import { type LoadedTable, loadTable, readTable, storeTable } from "../../redirector/cloud-ranges/table.ts";
import { sliceOf } from "../../redirector/http1/byte-slice.ts";

/**
 * Part of the redirector's benchmark, run by Bun: time to find the region of an address, as numbers and from its text, over an address
 * somewhere in each interval of the table, shuffled. Writes one JSON object. On the table that `npm run ranges` made; without one, on as
 * many blocks made up.
 */

const made = path.join(import.meta.dirname, "../../redirector/cloud-ranges/data/cloud-ranges.bin");
const random = randomOf(1);
const stored = existsSync(made) ? new Uint8Array(readFileSync(made)) : storeTable(flatten(madeUpBlocks(26_685)).table);
const table: LoadedTable = loadTable(stored);
const addresses = shuffled(addressesOf(stored)).map(sliceOf);
const words = new Uint32Array(4);
/** The addresses as numbers, one behind the other: a request's address has just been read and lies in the cache. */
const read = new Uint32Array(addresses.length * 4);
const families = addresses.map((address, index) => {
  const family = readAddress(address, words);
  read.set(words, index * 4);
  return family as 4 | 6;
});

console.log(
  JSON.stringify({
    source: existsSync(made) ? "the clouds' ranges" : "blocks made up, as there are no ranges",
    intervals: table.intervals,
    tableBytes: table.bytes,
    lookupNs: nanoseconds((index) => table.find(families[index]!, take(index))),
    readingNs: nanoseconds((index) => readAddress(addresses[index]!, words)),
    fromTextNs: nanoseconds((index) => table.lookup(addresses[index]!)),
  }),
);

/** One address, put where `find` takes it from. */
function take(index: number): Uint32Array {
  for (let word = 0; word < 4; word++) words[word] = read[index * 4 + word]!;
  return words;
}

/** For each address: the median of some passes over all of them. */
function nanoseconds(work: (index: number) => number): number {
  const passes: number[] = [];
  let sum = 0;
  for (let pass = 0; pass < 60; pass++) {
    const started = performance.now();
    for (let index = 0; index < addresses.length; index++) sum += work(index);
    passes.push(((performance.now() - started) * 1e6) / addresses.length);
  }
  if (Number.isNaN(sum)) throw new Error("the work has to be done");
  return passes.slice(20).sort((a, b) => a - b)[20]!;
}

function addressesOf(bytes: Uint8Array): string[] {
  const { v4, v6 } = readTable(bytes);
  const starts4 = Array.from(v4.starts, BigInt);
  const starts6 = Array.from(v6.regions, (_, i) =>
    v6.starts.subarray(i * 4, i * 4 + 4).reduce((all, word) => (all << 32n) | BigInt(word), 0n),
  );
  return [
    ...withinEach(starts4, 1n << 32n).map((address) =>
      [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join("."),
    ),
    ...withinEach(starts6, 1n << 128n).map((address) => {
      const groups = Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
      return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
    }),
  ];
}

/** A random address in each interval. */
function withinEach(starts: readonly bigint[], end: bigint): bigint[] {
  return starts.map(
    (start, i) => start + (((starts[i + 1] ?? end) - start) * BigInt(Math.floor(random() * 2 ** 32))) / 2n ** 32n,
  );
}

function madeUpBlocks(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const number = () => Math.floor(random() * 256);
    const cidr =
      i % 4 === 0
        ? `2600:${(number() * 256 + number()).toString(16)}:${number().toString(16)}00::/40`
        : `${number()}.${number()}.${number()}.0/24`;
    return readPrefix("aws", `region-${i % 165}`, cidr);
  });
}

function shuffled<Item>(items: Item[]): Item[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}

/** The same numbers each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
