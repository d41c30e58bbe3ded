import type { Client } from "../client/client.ts";
import { angleOf, type Coordinates, coordinatesAt, cosineBetween } from "../client/coordinates.ts";

/** The configuration of a mirror, as far as the choice needs it. */
export interface MirrorSite {
  readonly name: string;
  readonly url: string;
  readonly cloud: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly weight: number;
  readonly probePath?: string | undefined;
  /** Of an image mirror. */
  readonly kind?: "registry" | "objects" | undefined;
}

/** A mirror that can be chosen. The probes write `healthy`, the choice reads it. */
export interface Mirror<Site extends MirrorSite = MirrorSite> {
  readonly site: Site;
  readonly place: Coordinates;
  healthy: boolean;
}

/** The initial state of a mirror: healthy until probes fail. */
export function mirrorOf<Site extends MirrorSite>(site: Site): Mirror<Site> {
  return { site, place: coordinatesAt(site.latitude, site.longitude), healthy: true };
}

/**
 * Chooses among mirrors, the canonical one first: a healthy one in the client's own cloud if there is any, else any healthy one,
 * and of those the nearest to the client by great-circle distance divided by weight; the earlier one if two are equally near.
 * This is a total order, so that without a mirror all its clients in one place get the same second choice, and so on. A weight of 0
 * makes a mirror the last resort. Without any healthy mirror the canonical one is returned: a try is better than a refusal.
 * Undefined only for an empty list.
 */
export function chooseMirror<M extends Mirror>(mirrors: readonly M[], client: Client): M | undefined {
  let best: M | undefined;
  let bestRank = 0;
  let bestCosine = 0;
  for (const mirror of mirrors) {
    if (!mirror.healthy) continue;
    const { cloud, weight } = mirror.site;
    const rank = weight === 0 ? 1 : cloud === client.cloud ? 3 : 2;
    if (rank < bestRank) continue;
    const cosine = cosineBetween(mirror.place, client.place);
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
