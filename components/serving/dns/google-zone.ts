import { RecordSet } from "@pulumi/gcp/dns/recordSet.js";
import * as pulumi from "@pulumi/pulumi";
import { type DnsZone, ttl } from "./dns-zone.ts";

/** A managed zone of Cloud DNS. @param managedZone its name in the project. @param retainOnDelete whether its records stay when they leave the program. */
export function googleZone(project: string, managedZone: string, retainOnDelete: boolean): DnsZone {
  const add = (
    logicalName: string,
    name: string,
    type: string,
    rrdatas: readonly pulumi.Input<string>[],
    parent: pulumi.Resource,
    after: readonly pulumi.Resource[] = [],
  ): readonly pulumi.CustomResource[] => [
    new RecordSet(
      logicalName,
      { project, managedZone, name: `${name}.`, type, ttl, rrdatas: [...rrdatas] },
      { parent, dependsOn: [...after], retainOnDelete },
    ),
  ];
  return {
    addRecord({ logicalName, name, type, value, after }, parent) {
      const data = [type === "CNAME" ? pulumi.interpolate`${value}.` : value];
      return add(logicalName, name, type, data, parent, after);
    },
    addIssuers({ logicalName, name, authorities }, parent) {
      const data = authorities.map((authority) => `0 issue "${authority}"`);
      return add(logicalName, name, "CAA", data, parent);
    },
  };
}
