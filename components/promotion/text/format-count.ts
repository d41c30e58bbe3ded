/**
 * A whole number for people: `12,400`. As `toLocaleString("en-US")`, which at its first use takes some 20 ms to load all that it knows of the
 * world's numbers.
 */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
