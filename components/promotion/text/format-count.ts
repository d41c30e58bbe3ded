/**
 * Formats a whole number for people: `12,400`. Like `toLocaleString("en-US")`, whose first call takes some 20 ms to
 * load locale data.
 */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
