import * as pulumi from "@pulumi/pulumi";
import { type DnsZone, ttl } from "./dns-zone.ts";

/** A zone that people edit by hand: declares nothing and lists the records. */
export class ListedZone implements DnsZone {
  readonly #lines: pulumi.Output<string>[] = [];

  addRecord({ name, type, value }: Parameters<DnsZone["addRecord"]>[0]): readonly pulumi.CustomResource[] {
    this.#lines.push(pulumi.interpolate`${name}. ${ttl} IN ${type} ${value}${type === "CNAME" ? "." : ""}`);
    return [];
  }

  addIssuers({ name, authorities }: Parameters<DnsZone["addIssuers"]>[0]): readonly pulumi.CustomResource[] {
    for (const authority of authorities)
      this.#lines.push(pulumi.output(`${name}. ${ttl} IN CAA 0 issue "${authority}"`));
    return [];
  }

  /** The records, one line each in the form of a zone file (RFC 1035, section 5). */
  get lines(): pulumi.Output<string[]> {
    return pulumi.all(this.#lines);
  }
}
