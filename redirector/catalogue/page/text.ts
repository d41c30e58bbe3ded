/** Formats quantities, times and digests. */

const units = ["B", "kB", "MB", "GB", "TB"];

/** `999 B`, `1.2 kB`, `34 MB`: decimal units, as on registries and download pages. */
export function formatSize(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.95 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `1 file`, `8,990 files`. */
export function formatQuantity(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** The date of a time in RFC 3339: `2026-01-31`. */
export function formatDay(time: string): string {
  return time.slice(0, 10);
}

/** The first 12 digits of a digest: `sha256:0a1b2c3d4e5f`. */
export function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

/** The range of sizes of a version's platforms: `12 MB`, `9–12 MB`; empty if there are none. */
export function formatSizeRange(counts: readonly number[]): string {
  if (counts.length === 0) return "";
  const [least, most] = [formatSize(Math.min(...counts)), formatSize(Math.max(...counts))];
  if (least === most) return least;
  const [number, unit] = least.split(" ");
  return `${unit === most.split(" ")[1] ? number : least}\u2013${most}`;
}
