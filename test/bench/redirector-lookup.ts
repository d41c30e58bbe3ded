import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readAddress } from "../../redirector/cloud-ranges/address.ts";
import { flatten } from "../../redirector/cloud-ranges/flatten.ts";
import { readPrefix } from "../../redirector/cloud-ranges/prefix.ts";
import { type LoadedTable, loadTable, readTable, storeTable } from "../../redirector/cloud-ranges/table.ts";

/**
 * Part of the redirector's benchmark, run by Bun: time to find the region of an address given as text, over the addresses at both
 * ends of every interval of the table, shuffled. Writes one JSON object. On the table that `npm run ranges` made; without one, on as
 * many blocks made up.
 */

const made = path.join(import.meta.dirname, "../../redirector/cloud-ranges/data/cloud-ranges.bin");
const random = randomOf(1);
const stored = existsSync(made) ? new Uint8Array(readFileSync(made)) : storeTable(flatten(madeUpBlocks(26_685)).table);
const table: LoadedTable = loadTable(stored);
const addresses = shuffled(addressesOf(stored));
const words = new Uint32Array(4);

console.log(
  JSON.stringify({
    source: existsSync(made) ? "the clouds' ranges" : "blocks made up, as there are no ranges",
    intervals: table.intervals,
    tableBytes: table.bytes,
    lookupNs: nanoseconds((address) => table.lookup(address)),
    readingNs: nanoseconds((address) => readAddress(address, words)),
  }),
);

/** Median of some passes over all addresses, per address. */
function nanoseconds(work: (address: string) => number): number {
  const passes: number[] = [];
  let sum = 0;
  for (let pass = 0; pass < 60; pass++) {
    const started = performance.now();
    for (const address of addresses) sum += work(address);
    passes.push(((performance.now() - started) * 1e6) / addresses.length);
  }
  if (Number.isNaN(sum)) throw new Error("the work has to be done");
  return passes.slice(20).sort((a, b) => a - b)[20]!;
}

function addressesOf(bytes: Uint8Array): string[] {
  const { v4, v6 } = readTable(bytes);
  const texts = Array.from(v4.starts, (start) => [24, 16, 8, 0].map((shift) => (start >>> shift) & 255).join("."));
  for (let at = 0; at < v6.starts.length; at += 4) {
    const groups = Array.from(v6.starts.subarray(at, at + 4)).flatMap((word) => [word >>> 16, word & 0xffff]);
    texts.push(new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]/`).hostname.slice(1, -1));
  }
  return texts;
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
