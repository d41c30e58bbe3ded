import type { RedirectorConfig } from "../config.ts";
import type { ByteSlice } from "../http1/byte-slice.ts";
import type { IncomingRequest } from "../http1/request.ts";
import { clientAddress } from "./client-address.ts";
import { type Coordinates, coordinatesAt, parseLocation } from "./coordinates.ts";
import { ticketOf } from "./ticket.ts";

/** A cloud's region as named in the published address ranges, e.g. `aws` and `eu-west-3`. */
export interface CloudRegion {
  readonly cloud: string;
  readonly region: string;
}

/** Finds the cloud region of an address given as text. */
export interface CloudRanges {
  /** Every region that a lookup may return. */
  readonly regions: readonly CloudRegion[];
  /** Index into `regions`, or -1. */
  lookup(address: ByteSlice): number;
}

/** A client's location, as the choice of a mirror needs it. */
export interface Client {
  /** Empty for a client in no known cloud. */
  readonly cloud: string;
  readonly region: string;
  /** The location that mirrors should be near to. */
  readonly place: Coordinates;
  /** Where mirrors get shares of all clients: which share this one belongs to (ticket.ts). */
  readonly ticket?: number;
}

/** The client of a request. The address is separate from the location, because most code must not use it. */
export interface Caller {
  readonly address: ByteSlice | undefined;
  readonly client: Client;
}

/** A client in no cloud, in the place of this instance. */
export function clientHere({ region }: RedirectorConfig): Client {
  return { cloud: "", region: "", place: coordinatesAt(region.latitude, region.longitude) };
}

/**
 * Returns the function that locates a request's client: the cloud region of its address, if its location is known; else the load
 * balancer's header; else the region of this instance. It fails for no request.
 */
export function callerOf(config: RedirectorConfig, ranges: CloudRanges): (request: IncomingRequest) => Caller {
  const places = new Map<string, Coordinates>();
  for (const known of [...config.imageMirrors, ...config.fileMirrors]) {
    places.set(`${known.cloud} ${known.region}`, coordinatesAt(known.latitude, known.longitude));
  }
  for (const known of config.cloudRegions) {
    places.set(`${known.cloud} ${known.name}`, coordinatesAt(known.latitude, known.longitude));
  }
  const here = clientHere(config);
  const regions = ranges.regions.map(({ cloud, region }) => ({
    cloud,
    region,
    place: places.get(`${cloud} ${region}`),
  }));

  const hasShares = [...config.imageMirrors, ...config.fileMirrors].some(({ share }) => share > 0);
  const locate = (request: IncomingRequest): Caller => {
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
  if (!hasShares) return locate;
  return (request) => {
    const { address, client } = locate(request);
    return { address, client: address === undefined ? client : { ...client, ticket: ticketOf(address) } };
  };
}
