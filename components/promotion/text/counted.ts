import { formatCount } from "./format-count.ts";

/** `1 file`, `12,400 files`. */
export function counted(count: number, one: string): string {
  return `${formatCount(count)} ${one}${count === 1 ? "" : "s"}`;
}
