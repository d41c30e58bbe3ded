import { formatCount } from "./format-count.ts";

/**
 * A count of things in words, singular or plural: `1 file`, `8,990 files`. @param one the thing's name, whose plural
 * ends in -s.
 */
export function countOf(count: number, one: string): string {
  return `${formatCount(count)} ${one}${count === 1 ? "" : "s"}`;
}
