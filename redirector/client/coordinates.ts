import type { ByteSlice } from "../http1/byte-slice.ts";

/** A point on the earth as a unit vector, so that proximity is one dot product: larger is nearer. */
export interface Coordinates {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

const radians = Math.PI / 180;

/** The point at a latitude and longitude in degrees. */
export function coordinatesAt(latitude: number, longitude: number): Coordinates {
  const ring = Math.cos(latitude * radians);
  return {
    x: ring * Math.cos(longitude * radians),
    y: ring * Math.sin(longitude * radians),
    z: Math.sin(latitude * radians),
  };
}

/** Latitude and longitude of a point, in whole degrees. */
export function wholeDegrees({ x, y, z }: Coordinates): { readonly latitude: number; readonly longitude: number } {
  return {
    latitude: Math.round(Math.asin(Math.min(1, Math.max(-1, z))) / radians),
    longitude: Math.round(Math.atan2(y, x) / radians),
  };
}

/**
 * Cosine of the great-circle distance of two points as an angle: 1 for the same point, -1 for the opposite one; rounding errors may exceed
 * both slightly.
 */
export function cosineBetween(a: Coordinates, b: Coordinates): number {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

/** The angle of a cosine from {@link cosineBetween}. */
export function angleOf(cosine: number): number {
  return Math.acos(Math.min(1, Math.max(-1, cosine)));
}

/**
 * Reads the load balancer's location header, `<latitude>,<longitude>` in degrees. Undefined if it is missing, empty or invalid:
 * an unknown location is never an error.
 */
export function parseLocation(header: ByteSlice | undefined): Coordinates | undefined {
  if (header === undefined || header.to - header.from > longestLocation) return undefined;
  const { bytes, from, to } = header;
  let middle = from;
  while (middle < to && bytes[middle] !== comma) middle++;
  const latitude = readDecimal(bytes, from, middle);
  const longitude = readDecimal(bytes, middle + 1, to);
  // Comparisons with NaN are false.
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? coordinatesAt(latitude, longitude) : undefined;
}

const longestLocation = 64;

/** A decimal number such as `-33.87`, with optional surrounding spaces, without exponent; NaN for anything else. Runs for each request. */
function readDecimal(bytes: Buffer, from: number, to: number): number {
  let at = from;
  let end = to;
  while (at < end && bytes[at] === space) at++;
  while (end > at && bytes[end - 1] === space) end--;
  const sign = bytes[at]!;
  if (sign === minus || sign === plus) at++;
  let value = 0;
  let scale = 0;
  let digits = 0;
  for (; at < end; at++) {
    const code = bytes[at]!;
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
const comma = 44;
const minus = 45;
const dot = 46;
const zero = 48;
const nine = 57;
