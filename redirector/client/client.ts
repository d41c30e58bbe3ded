import type { RedirectorConfig } from "../config.ts";
import type { ByteSlice } from "../http1/byte-slice.ts";
import type { IncomingRequest } from "../http1/request.ts";
import { clientAddress } from "./client-address.ts";
import { type Coordinates, coordinatesAt, parseLocation } from "./coordinates.ts";

/** A cloud's region as the published address ranges name it, e.g. `aws` and `eu-west-3`. */
export interface CloudRegion {
  readonly cloud: string;
  readonly region: string;
}

/** Finds the cloud region of an address given as text; nothing for what is in no cloud, or no address. */
export interface CloudRanges {
  /** Every region that a lookup may return. */
  readonly regions: readonly CloudRegion[];
  /** Index into `regions`, or -1. */
  lookup(address: ByteSlice): number;
}

/** Where a client is, as far as the choice of a mirror goes. */
export interface Client {
  /** Empty for a client in no known cloud. */
  readonly cloud: string;
  readonly region: string;
  /** The place to be near to. */
  readonly place: Coordinates;
}

/** Who asks: the address is kept apart from the place, as most of the code has no business with it. */
export interface Caller {
  readonly address: ByteSlice | undefined;
  readonly client: Client;
}

/**
 * Makes the function that finds out where a request comes from: in a cloud region whose place is known, there; else where the
 * load balancer says; else where this instance serves. Nothing in a request makes it fail.
 */
export function callerOf(config: RedirectorConfig, ranges: CloudRanges): (request: IncomingRequest) => Caller {
  const places = new Map<string, Coordinates>();
  for (const known of [...config.imageMirrors, ...config.fileMirrors]) {
    places.set(`${known.cloud} ${known.region}`, coordinatesAt(known.latitude, known.longitude));
  }
  for (const known of config.cloudRegions) {
    places.set(`${known.cloud} ${known.name}`, coordinatesAt(known.latitude, known.longitude));
  }
  const here: Client = { cloud: "", region: "", place: coordinatesAt(config.region.latitude, config.region.longitude) };
  const regions = ranges.regions.map(({ cloud, region }) => ({
    cloud,
    region,
    place: places.get(`${cloud} ${region}`),
  }));

  return (request) => {
    const address = clientAddress(request.forwardedFor, request.peer, config.trustedHops);
    const index = address === undefined ? -1 : ranges.lookup(address);
    const known = index === -1 ? undefined : regions[index];
    if (known?.place) return { address, client: known as Client };
    const location = parseLocation(request.latlong);
    if (!known && !location) return { address, client: here };
    return {
      address,
      client: { cloud: known?.cloud ?? "", region: known?.region ?? "", place: location ?? here.place },
    };
  };
}
