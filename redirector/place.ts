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

/** Great-circle distance of two places as an angle in radians, 0 to pi. */
export function angleBetween(a: Place, b: Place): number {
  return Math.acos(Math.min(1, Math.max(-1, a.x * b.x + a.y * b.y + a.z * b.z)));
}

/**
 * Reads the load balancer's location header, `<latitude>,<longitude>` in degrees. Nothing for a missing, empty or senseless one:
 * an unknown location is never an error.
 */
export function parseLocation(text: string | undefined): Place | undefined {
  if (text === undefined || text.length > 64) return undefined;
  const parts = decimalPair.exec(text);
  if (!parts) return undefined;
  const latitude = Number(parts[1]);
  const longitude = Number(parts[2]);
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? placeAt(latitude, longitude) : undefined;
}

const decimalPair = /^\s*([+-]?\d{1,3}(?:\.\d{0,20})?)\s*,\s*([+-]?\d{1,3}(?:\.\d{0,20})?)\s*$/;
