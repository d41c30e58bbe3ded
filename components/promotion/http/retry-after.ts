/** `Retry-After` in either of its forms (RFC 9110, 10.2.3), in milliseconds from now; undefined if absent or invalid. */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim()) * 1000;
  const date = / GMT$/.test(header) ? Date.parse(header) : Number.NaN; // Date.parse accepts many strings as dates
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
