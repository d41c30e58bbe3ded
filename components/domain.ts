import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { Certificate } from "@pulumi/gcp/certificatemanager/certificate.js";
import { CertificateMap } from "@pulumi/gcp/certificatemanager/certificateMap.js";
import { CertificateMapEntry } from "@pulumi/gcp/certificatemanager/certificateMapEntry.js";
import { DnsAuthorization } from "@pulumi/gcp/certificatemanager/dnsAuthorization.js";
import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import * as pulumi from "@pulumi/pulumi";

export interface DomainArgs {
  readonly project: string;
  /** The name that clients use. */
  readonly host: string;
  /** Cloudflare's id of the zone that holds it. */
  readonly zoneId: string;
  readonly protection: boolean;
}

/** The two addresses of the service. They outlive every load balancer: clients' firewalls and caches know them. */
export interface Addresses {
  readonly ipv4: pulumi.Output<string>;
  readonly ipv6: pulumi.Output<string>;
}

/**
 * What the name needs before anything serves it: its addresses, and a certificate that is issued on proof in the DNS, so before the name
 * points here and without an outage when it moves here from elsewhere. {@link DomainRecords} then makes the switch.
 */
export class Domain extends pulumi.ComponentResource {
  public readonly addresses: Addresses;
  /** Id of the certificate map, `projects/<project>/locations/global/certificateMaps/<name>`. */
  public readonly certificateMap: pulumi.Output<string>;

  constructor(name: string, args: DomainArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:Domain", name, {}, opts);
    const { project } = args;
    const address = (ipVersion: "IPV4" | "IPV6"): pulumi.Output<string> => {
      const physical = `artifacts-${ipVersion.toLowerCase()}`;
      return new GlobalAddress(
        physical,
        { project, name: physical, ipVersion, deletionPolicy: args.protection ? "PREVENT" : "DELETE" },
        { parent: this, protect: args.protection },
      ).address;
    };
    this.addresses = { ipv4: address("IPV4"), ipv6: address("IPV6") };

    const authorization = new DnsAuthorization(
      `${name}-authorization`,
      { project, name: "artifacts", domain: args.host, type: "FIXED_RECORD" },
      { parent: this },
    );
    const proof = authorization.dnsResourceRecords.apply((records) => {
      const record = records[0];
      if (record === undefined)
        throw new Error(`Certificate Manager gave no DNS record to prove the right to ${args.host}`);
      return record;
    });
    const proofRecord = new DnsRecord(
      `${name}-proof`,
      {
        zoneId: args.zoneId,
        name: proof.apply((record) => withoutFinalDot(record.name)),
        type: proof.type,
        content: proof.apply((record) => withoutFinalDot(record.data)),
        ttl: 300,
        proxied: false,
        comment: "Lets Google issue and renew the certificate; keep it",
      },
      { parent: this },
    );
    const certificate = new Certificate(
      `${name}-certificate`,
      {
        project,
        name: "artifacts",
        scope: "DEFAULT",
        managed: { domains: [args.host], dnsAuthorizations: [authorization.id] },
      },
      { parent: this, dependsOn: proofRecord },
    );
    const map = new CertificateMap(`${name}-certificates`, { project, name: "artifacts" }, { parent: this });
    const entry = new CertificateMapEntry(
      `${name}-certificate-entry`,
      { project, name: "artifacts", map: map.name, certificates: [certificate.id], hostname: args.host },
      { parent: this },
    );
    // A proxy with an empty map would answer without a certificate: whoever uses the map waits for its entry.
    this.certificateMap = pulumi.all([map.id, entry.id]).apply(([id]) => id);
    this.registerOutputs({});
  }
}

export interface DomainRecordsArgs {
  readonly host: string;
  readonly zoneId: string;
  readonly addresses: Addresses;
}

/** The switch: the name points at the addresses. To be made when they answer. */
export class DomainRecords extends pulumi.ComponentResource {
  constructor(name: string, args: DomainRecordsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:DomainRecords", name, {}, opts);
    for (const [type, content] of [
      ["A", args.addresses.ipv4],
      ["AAAA", args.addresses.ipv6],
    ] as const) {
      new DnsRecord(
        `${name}-${type.toLowerCase()}`,
        {
          zoneId: args.zoneId,
          name: args.host,
          type,
          content,
          ttl: 300,
          // The load balancer must see the clients' own addresses: it tells the redirector where they are.
          proxied: false,
          comment: "The load balancer of the redirector",
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}

/** Cloudflare writes names without the final dot that Google has. */
function withoutFinalDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
