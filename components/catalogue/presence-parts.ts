import { bitsOfHash, hashBits } from "./hash-bits.ts";

/**
 * How the keys of a project are divided into presence documents, so that a change writes, and a redirector reads, those that it is in. As with lines
 * (see listing-parts.ts): an item has a hash of 64 bits, 32 of its group (an image's repository, or a release) and 32 of its name, a document has
 * all items whose hash begins with some bits, and where these are too long one more bit divides them. A small project has one document.
 */

/** Characters of the longest document. One with one item may be longer. */
const longestDocument = 128 * 1024;

/** What is in one document together. */
export interface PresenceItem {
  /** The image's repository, or the release. */
  readonly group: string;
  /** What differs in each item of a group. */
  readonly name: string;
  /** Characters that it takes in a document. */
  readonly size: number;
}

/** Divides items. The same items give the same documents, in the same order. No items are no document. */
export function dividePresence<Item extends PresenceItem>(items: readonly Item[]): Item[][] {
  const units = [...Map.groupBy(items, ({ group }) => group)].map(([group, own]) => ({ bits: hashBits(group), own }));
  return divide("", units);
}

interface Unit<Item> {
  readonly bits: string;
  readonly own: readonly Item[];
}

function divide<Item extends PresenceItem>(bits: string, units: readonly Unit<Item>[]): Item[][] {
  const items = units.flatMap(({ own }) => own);
  if (items.length === 0) return [];
  if (bits.length === 2 * bitsOfHash || items.reduce((sum, { size }) => sum + size, 0) <= longestDocument)
    return [items];
  const smaller =
    bits.length === bitsOfHash ? items.map((one) => ({ bits: bits + hashBits(one.name), own: [one] })) : units;
  return ["0", "1"].flatMap((bit) =>
    divide(
      bits + bit,
      smaller.filter((unit) => unit.bits[bits.length] === bit),
    ),
  );
}
