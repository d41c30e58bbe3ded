import type { CloudRegion } from "../client/client.ts";
import type { Prefix } from "./prefix.ts";
import type { Intervals, Table } from "./table.ts";

const nowhere = 0xffff;

/** A block that is published for two regions. */
export interface Conflict {
  readonly kept: Prefix;
  readonly dropped: Prefix;
}

/**
 * Builds the table of the clouds' blocks: of nested blocks the longest prefix wins. The order of the blocks does not matter.
 * A block of two regions is assigned to the first by cloud and name, with `GLOBAL` and `global` last, and is reported.
 */
export function flatten(prefixes: readonly Prefix[]): { table: Table; conflicts: Conflict[] } {
  const conflicts: Conflict[] = [];
  const kept = new Map<string, Prefix>();
  for (const prefix of [...prefixes].sort(byRegion)) {
    const block = `${prefix.family} ${prefix.start}/${prefix.length}`;
    const before = kept.get(block);
    if (!before) kept.set(block, prefix);
    else if (byRegion(before, prefix) !== 0) conflicts.push({ kept: before, dropped: prefix });
  }
  const blocks = [...kept.values()];
  const regions: CloudRegion[] = [];
  const indexes = new Map<string, number>();
  for (const { cloud, region } of blocks) {
    if (!indexes.has(`${cloud} ${region}`)) {
      indexes.set(`${cloud} ${region}`, regions.length);
      regions.push({ cloud, region });
    }
  }
  if (regions.length >= nowhere) throw new Error(`${regions.length} regions are more than the table can hold`);
  const indexOf = (prefix: Prefix): number => indexes.get(`${prefix.cloud} ${prefix.region}`)!;
  return {
    table: { regions, v4: intervals(blocks, 4, indexOf), v6: intervals(blocks, 6, indexOf) },
    conflicts,
  };
}

function byRegion(a: Prefix, b: Prefix): number {
  return compare(a.cloud, b.cloud) || Number(isGlobal(a)) - Number(isGlobal(b)) || compare(a.region, b.region);
}

function isGlobal(prefix: Prefix): boolean {
  return prefix.region.toLowerCase() === "global";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function intervals(blocks: readonly Prefix[], family: 4 | 6, indexOf: (prefix: Prefix) => number): Intervals {
  const bits = family === 4 ? 32 : 128;
  const end = 1n << BigInt(bits);
  const sorted = blocks
    .filter((block) => block.family === family)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.length - b.length));
  const cuts: { start: bigint; region: number }[] = [];
  const cut = (start: bigint, region: number): void => {
    if (cuts.at(-1)?.start === start) cuts.pop();
    if (cuts.at(-1)?.region !== region) cuts.push({ start, region });
  };
  // The blocks around the current address, outermost first. Blocks are nested or disjoint, they never overlap partially.
  const around: { end: bigint; region: number }[] = [{ end, region: nowhere }];
  const leaveBefore = (address: bigint): void => {
    while (around.length > 1 && around.at(-1)!.end <= address) cut(around.pop()!.end, around.at(-1)!.region);
  };
  cut(0n, nowhere);
  for (const block of sorted) {
    leaveBefore(block.start);
    const region = indexOf(block);
    around.push({ end: block.start + (1n << BigInt(bits - block.length)), region });
    cut(block.start, region);
  }
  leaveBefore(end);
  if (cuts.at(-1)?.start === end) cuts.pop();
  return {
    starts: Uint32Array.from(cuts.flatMap(({ start }) => toWords(start, bits))),
    regions: Uint16Array.from(cuts, ({ region }) => region),
  };
}

function toWords(address: bigint, bits: number): number[] {
  const words: number[] = [];
  for (let shift = bits - 32; shift >= 0; shift -= 32) words.push(Number((address >> BigInt(shift)) & 0xffffffffn));
  return words;
}
