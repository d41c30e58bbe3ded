import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { recordComment } from "../record-comment.ts";
import type { DnsZone } from "./dns-zone.ts";
import { ttl } from "./dns-zone.ts";

/** A zone at Cloudflare. @param zoneId 32 hexadecimal digits. @param retainOnDelete whether its records stay when they leave the program. */
export function cloudflareZone(zoneId: string, retainOnDelete: boolean): DnsZone {
  // Not proxied: the load balancer must see the clients' own addresses, since it tells the redirector their location.
  // Adoption finds a record by its comment after a loss of the state.
  const common = { zoneId, ttl, proxied: false };
  return {
    addRecord({ logicalName, formerName, name, type, value, comment, after = [] }, parent) {
      const options = { parent, aliases: aliasesOf(formerName), dependsOn: [...after], retainOnDelete };
      return [new DnsRecord(logicalName, { ...common, name, type, content: value, comment }, options)];
    },
    addIssuers({ logicalName, formerName, name, authorities }, parent) {
      return authorities.map(
        (value) =>
          new DnsRecord(
            `${logicalName}-${value}`,
            {
              ...common,
              name,
              type: "CAA",
              data: { flags: 0, tag: "issue", value },
              comment: recordComment(`${value} may issue certificates of ${name}`),
            },
            { parent, aliases: aliasesOf(formerName, `-${value}`), retainOnDelete },
          ),
      );
    },
  };
}

function aliasesOf(formerName: string | undefined, suffix = "") {
  return formerName === undefined ? [] : [{ name: `${formerName}${suffix}` }];
}
