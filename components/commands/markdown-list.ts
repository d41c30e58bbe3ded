import { formatCount } from "../promotion/text/format-count.ts";

/** How much of a list a summary shows: so many items, and of more than one only so many characters. */
export interface ListLimits {
  readonly items: number;
  readonly length?: number;
}

/** A list in a summary, which says how many items it leaves out: the details have all. Without items it is nothing. */
export function markdownList(
  heading: string,
  items: readonly string[],
  { items: maximalItems, length: maximalLength = Number.POSITIVE_INFINITY }: ListLimits,
): string {
  if (items.length === 0) return "";
  const shown: string[] = [];
  let length = 0;
  for (const item of items) {
    length += item.length;
    if (shown.length === maximalItems || (length > maximalLength && shown.length > 0)) break;
    shown.push(`- ${item}`);
  }
  const more = items.length - shown.length;
  return [
    `**${heading}**`,
    "",
    ...shown,
    ...(more > 0 ? [`- and ${formatCount(more)} more, in the details`] : []),
  ].join("\n");
}
