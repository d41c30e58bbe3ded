import type { Delays } from "./delays.ts";
import type { CloudInventory, Resource } from "./inventory.ts";

/** The type of a zone's signatures at Cloudflare. */
export const dnssecType = "cloudflare:index/zoneDnssec:ZoneDnssec";

/** The DS record that a person has entered at the registrar; its id is the zone's, its input `ds` the record. No program declares it. */
export const registrarType = "rehearsal:index:RegistrarDsRecord";

/**
 * The signatures as Cloudflare tells of them: what was asked for as `active` is `pending` until the registrar has the zone's DS record, and some
 * questions longer.
 */
export function asCloudflareTells(inventory: CloudInventory, delays: Delays, zone: Resource): Resource {
  if (zone.type !== dnssecType || zone.inputs["status"] !== "active") return zone;
  const entered = inventory.find(registrarType, zone.id)?.inputs["ds"] === zone.computed["ds"];
  const active = entered && delays.asked("dnssec", zone.id);
  return active ? zone : { ...zone, inputs: { ...zone.inputs, status: "pending" } };
}

/** The DS record of a zone, as its keys give it (RFC 4034, section 5). */
export function zoneDsRecord(zoneId: string): string {
  return `example.org. 3600 IN DS 2371 13 2 ${zoneId.padEnd(64, "0").slice(0, 64).toUpperCase()}`;
}

/** Answers a GET of Cloudflare's API v4, "DNSSEC Details", below `/apis/cloudflare/client/v4/`; undefined for any other path. */
export function describeDnssec(inventory: CloudInventory, delays: Delays, url: URL): object | undefined {
  const [, id] = /^\/apis\/cloudflare\/client\/v4\/zones\/(\w+)\/dnssec$/.exec(url.pathname) ?? [];
  if (id === undefined) return undefined;
  const zone = inventory.find(dnssecType, id);
  if (zone === undefined) return { success: true, result: { status: "disabled", ds: null } };
  const { inputs, computed } = asCloudflareTells(inventory, delays, zone);
  return { success: true, result: { status: inputs["status"], ds: computed["ds"] } };
}

/** Why resolvers that validate refuse every name: the registrar has a DS record of a zone without signatures. Undefined: they do not. */
export function bogusZone(inventory: CloudInventory): string | undefined {
  const broken = inventory.list(registrarType).find(({ id }) => inventory.find(dnssecType, id) === undefined);
  return broken && `DNSSEC: SERVFAIL, the registrar has a DS record of the zone ${broken.id}, which is not signed`;
}
