import type { DnsSettings } from "../../stack/config.ts";
import { cloudflareZone } from "./cloudflare-zone.ts";
import type { DnsZone } from "./dns-zone.ts";
import { googleZone } from "./google-zone.ts";
import { ListedZone } from "./listed-zone.ts";
import { route53Zone } from "./route53-zone.ts";

/** The zone that a stack's config names. @param project the Google Cloud project, which a zone of Cloud DNS is in. */
export function zoneOf({ dns, zoneId }: DnsSettings, project: string): DnsZone {
  switch (dns) {
    case "cloudflare":
      return cloudflareZone(zoneId);
    case "google":
      return googleZone(project, zoneId);
    case "route53":
      return route53Zone(zoneId);
    case "none":
      return new ListedZone();
  }
}
