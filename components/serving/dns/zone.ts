import type { DnsSettings } from "../../stack/config.ts";
import { cloudflareZone } from "./cloudflare-zone.ts";
import type { DnsZone } from "./dns-zone.ts";
import { googleZone } from "./google-zone.ts";
import { ListedZone } from "./listed-zone.ts";
import { route53Zone } from "./route53-zone.ts";

/**
 * The zone that a stack's config names.
 * @param project the Google Cloud project, which a zone of Cloud DNS is in.
 * @param keeps whether records that leave the program stay in the zone.
 */
export function zoneOf({ dns, zoneId }: DnsSettings, project: string, keeps: boolean): DnsZone {
  switch (dns) {
    case "cloudflare":
      return cloudflareZone(zoneId, keeps);
    case "google":
      return googleZone(project, zoneId, keeps);
    case "route53":
      return route53Zone(zoneId, keeps);
    case "none":
      return new ListedZone();
  }
}
