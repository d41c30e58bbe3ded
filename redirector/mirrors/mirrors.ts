import type { Client } from "../client/client.ts";
import { angleOf, type Coordinates, coordinatesAt, cosineBetween } from "../client/coordinates.ts";
import { highestCostClass, type Preference, usualPreference } from "../config.ts";

/** The configuration of a mirror, as far as the choice needs it. */
export interface MirrorSite {
  readonly name: string;
  readonly url: string;
  readonly cloud: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly alsoAt?: readonly { readonly latitude: number; readonly longitude: number }[] | undefined;
  readonly weight: number;
  readonly costClass?: number | undefined;
  readonly share?: number | undefined;
  readonly probePath?: string | undefined;
  /** Of an image mirror. */
  readonly kind?: "registry" | "objects" | undefined;
}

/** A mirror that can be chosen. The probes write `healthy`, the choice reads it. */
export interface Mirror<Site extends MirrorSite = MirrorSite> {
  readonly site: Site;
  readonly place: Coordinates;
  /** Other places that it is in; undefined for nearly all. */
  readonly otherPlaces: readonly Coordinates[] | undefined;
  /** Its rank for clients inside its cloud and for all others, before the distance counts: a higher one is better. */
  readonly rankInside: number;
  readonly rankOutside: number;
  /** The tickets of the clients that it gets by its share, and what that adds to its rank. */
  readonly tickets: { readonly from: number; readonly to: number };
  readonly shareRank: number;
  healthy: boolean;
}

const noTickets = { from: 0, to: 0 };

/** The initial states of mirrors of one kind, which divide the clients by their shares. */
export function mirrorsOf<Site extends MirrorSite>(sites: readonly Site[], prefer: Preference): Mirror<Site>[] {
  let to = 0;
  return sites.map((site) => {
    const from = to;
    to += site.share ?? 0;
    return mirrorOf(site, prefer, { from, to });
  });
}

/**
 * The initial state of a mirror: healthy until probes fail.
 * @internal exported for its tests.
 * @param prefer the redirector's default if left out.
 */
export function mirrorOf<Site extends MirrorSite>(
  site: Site,
  prefer: Preference = usualPreference,
  tickets: Mirror["tickets"] = noTickets,
): Mirror<Site> {
  const after = prefer.length - 1 - prefer.indexOf("shares");
  return {
    site,
    place: coordinatesAt(site.latitude, site.longitude),
    otherPlaces: site.alsoAt?.map(({ latitude, longitude }) => coordinatesAt(latitude, longitude)),
    rankInside: rankOf(site, prefer, true),
    rankOutside: rankOf(site, prefer, false),
    tickets,
    shareRank: site.weight > 0 && prefer.includes("shares") ? (highestCostClass + 1) ** after : 0,
    healthy: true,
  };
}

/** A mirror as another preference ranks it, with the health of the first. */
export function underPreference<Site extends MirrorSite>(mirror: Mirror<Site>, prefer: Preference): Mirror<Site> {
  const { healthy: _, ...ranked } = mirrorOf(mirror.site, prefer, mirror.tickets);
  return {
    ...ranked,
    get healthy() {
      return mirror.healthy;
    },
  };
}

/**
 * The criteria before the distance depend only on whether the client is inside the mirror's cloud, and on its ticket, so that a request compares
 * two numbers.
 */
function rankOf({ weight, costClass = 0, kind }: MirrorSite, prefer: Preference, isInside: boolean): number {
  if (weight === 0) return -1;
  const values = {
    "same-cloud": isInside ? 1 : 0,
    cheapest: highestCostClass - (isInside ? 0 : costClass),
    registries: kind === "registry" ? 1 : 0,
    buckets: kind === "objects" ? 1 : 0,
    shares: 0, // depends on the client
    nearest: 0,
  };
  return prefer.reduce((rank, criterion) => rank * (highestCostClass + 1) + values[criterion], 0);
}

/**
 * Chooses among mirrors, the canonical one first: of the healthy ones those of the best rank, which is by default in the client's own cloud,
 * and of those the nearest to the client by great-circle distance divided by weight; the earlier one if two are equally near.
 * This is a total order, so that without a mirror all its clients in one place get the same second choice, and so on. A weight of 0
 * makes a mirror the last resort. Without any healthy mirror the canonical one is returned: a try is better than a refusal.
 * Undefined only for an empty list.
 */
export function chooseMirror<M extends Mirror>(mirrors: readonly M[], client: Client): M | undefined {
  let best: M | undefined;
  let bestRank = Number.NEGATIVE_INFINITY;
  let bestCosine = 0;
  const { ticket = -1 } = client;
  for (const mirror of mirrors) {
    if (!mirror.healthy) continue;
    const { cloud, weight } = mirror.site;
    let rank = cloud === client.cloud ? mirror.rankInside : mirror.rankOutside;
    if (ticket >= mirror.tickets.from && ticket < mirror.tickets.to) rank += mirror.shareRank;
    if (rank < bestRank) continue;
    let cosine = cosineBetween(mirror.place, client.place);
    if (mirror.otherPlaces !== undefined)
      for (const other of mirror.otherPlaces) cosine = Math.max(cosine, cosineBetween(other, client.place));
    if (best === undefined || rank > bestRank || nearer(cosine, weight, bestCosine, best.site.weight)) {
      best = mirror;
      bestRank = rank;
      bestCosine = cosine;
    }
  }
  return best ?? mirrors[0];
}

/** Whether the first distance, given as the cosine of its angle, is smaller after division by its weight. */
function nearer(cosine: number, weight: number, otherCosine: number, otherWeight: number): boolean {
  if (weight === otherWeight) return cosine > otherCosine;
  return angleOf(cosine) / weight < angleOf(otherCosine) / otherWeight;
}
