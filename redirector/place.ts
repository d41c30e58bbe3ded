/** A point on the earth as a unit vector, so that nearness is one dot product: the nearer, the larger. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

const radians = Math.PI / 180;

/** The place at a latitude and longitude in degrees. */
export function placeAt(latitude: number, longitude: number): Place {
  const ring = Math.cos(latitude * radians);
  return {
    x: ring * Math.cos(longitude * radians),
    y: ring * Math.sin(longitude * radians),
    z: Math.sin(latitude * radians),
  };
}

/** Cosine of the great-circle distance of two places as an angle: 1 for the same place, -1 for the other side of the earth. */
export function cosineBetween(a: Place, b: Place): number {
  return Math.min(1, Math.max(-1, a.x * b.x + a.y * b.y + a.z * b.z));
}

/**
 * Reads the load balancer's location header, `<latitude>,<longitude>` in degrees. Nothing for a missing, empty or senseless one:
 * an unknown location is never an error.
 */
export function parseLocation(text: string | undefined): Place | undefined {
  if (text === undefined || text.length > longestLocation) return undefined;
  const comma = text.indexOf(",");
  if (comma === -1) return undefined;
  const latitude = readDecimal(text, 0, comma);
  const longitude = readDecimal(text, comma + 1, text.length);
  // Not a number compares as false.
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? placeAt(latitude, longitude) : undefined;
}

const longestLocation = 64;

/** A decimal number such as `-33.87`, blanks around it allowed, an exponent not; NaN for anything else. Runs for each request. */
function readDecimal(text: string, from: number, to: number): number {
  let at = from;
  let end = to;
  while (at < end && text.charCodeAt(at) === space) at++;
  while (end > at && text.charCodeAt(end - 1) === space) end--;
  const sign = text.charCodeAt(at);
  if (sign === minus || sign === plus) at++;
  let value = 0;
  let scale = 0;
  let digits = 0;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === dot && scale === 0 && digits > 0) {
      scale = 1;
      continue;
    }
    if (code < zero || code > nine) return Number.NaN;
    value = value * 10 + code - zero;
    scale *= 10;
    digits++;
  }
  if (digits === 0) return Number.NaN;
  return (sign === minus ? -value : value) / (scale === 0 ? 1 : scale);
}

const space = 32;
const plus = 43;
const minus = 45;
const dot = 46;
const zero = 48;
const nine = 57;
