import { Record } from "@pulumi/aws/route53/record.js";
import { type DnsZone, ttl } from "./dns-zone.ts";

/** A hosted zone of Amazon Route 53. @param zoneId its id, as `Z3M3LMPEXAMPLE`. @param retainOnDelete whether its records stay when they leave the program. */
export function route53Zone(zoneId: string, retainOnDelete: boolean): DnsZone {
  return {
    addRecord({ logicalName, name, type, value, after = [] }, parent) {
      const options = { parent, dependsOn: [...after], retainOnDelete };
      return [new Record(logicalName, { zoneId, name, type, ttl, records: [value] }, options)];
    },
    addIssuers({ logicalName, name, authorities }, parent) {
      const records = authorities.map((authority) => `0 issue "${authority}"`);
      return [new Record(logicalName, { zoneId, name, type: "CAA", ttl, records }, { parent, retainOnDelete })];
    },
  };
}
