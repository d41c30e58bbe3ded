import { ZoneDnssec } from "@pulumi/cloudflare/zoneDnssec.js";
import { Certificate } from "@pulumi/gcp/certificatemanager/certificate.js";
import { CertificateMap } from "@pulumi/gcp/certificatemanager/certificateMap.js";
import { CertificateMapEntry } from "@pulumi/gcp/certificatemanager/certificateMapEntry.js";
import { DnsAuthorization } from "@pulumi/gcp/certificatemanager/dnsAuthorization.js";
import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import * as pulumi from "@pulumi/pulumi";
import type { DnsZone } from "./dns/dns-zone.ts";
import { recordComment } from "./record-comment.ts";

export interface DomainArgs {
  readonly project: string;
  /** The name that clients use. */
  readonly host: string;
  /** An additional name for the same service, if any, in the same zone. */
  readonly vanityHost: string | undefined;
  /** The zone that holds them. */
  readonly zone: DnsZone;
  /** Cloudflare's id of the zone to sign; undefined: others sign it, or nobody. */
  readonly signedZone: string | undefined;
  readonly protection: boolean;
}

/**
 * The two addresses of the service. They are kept when a load balancer is replaced, because clients' firewalls and
 * caches know them.
 */
export interface Addresses {
  readonly ipv4: pulumi.Output<string>;
  readonly ipv6: pulumi.Output<string>;
}

/**
 * What the names need before they are served: the addresses, and certificates. Certificates are issued by DNS
 * authorization, so before a name points here and without an outage when it moves here. {@link DomainRecords} then
 * makes the switch.
 */
export class Domain extends pulumi.ComponentResource {
  public readonly addresses: Addresses;
  /** Id of the certificate map, `projects/<project>/locations/global/certificateMaps/<name>`. */
  public readonly certificateMap: pulumi.Output<string>;
  /** The DS record of the zone, to be entered at the registrar by hand; "" if this program does not sign the zone. */
  public readonly dsRecord: pulumi.Output<string>;

  constructor(name: string, args: DomainArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:Domain", name, {}, opts);
    this.addresses = { ipv4: this.addAddress(args, "IPV4"), ipv6: this.addAddress(args, "IPV6") };
    this.dsRecord =
      args.signedZone === undefined
        ? pulumi.output("")
        : new ZoneDnssec(name, { zoneId: args.signedZone, status: "active" }, { parent: this }).ds;
    const map = new CertificateMap(
      name,
      { project: args.project, name: mapName, description: "Certificates of the redirector's host names" },
      { parent: this },
    );
    const entries = [this.addCertificate(name, args, map, "artifacts", args.host)];
    if (args.vanityHost !== undefined) {
      entries.push(this.addCertificate(`${name}-vanity`, args, map, "artifacts-vanity", args.vanityHost));
    }
    // A proxy with an empty map would answer without a certificate, so users of the map depend on its entries.
    this.certificateMap = pulumi.all([map.id, pulumi.all(entries)]).apply(([id]) => id);
    this.registerOutputs({
      addresses: this.addresses,
      certificateMap: this.certificateMap,
      dsRecord: this.dsRecord,
    });
  }

  private addAddress(args: DomainArgs, ipVersion: "IPV4" | "IPV6"): pulumi.Output<string> {
    const physical = `artifacts-${ipVersion.toLowerCase()}`;
    return new GlobalAddress(
      physical,
      { project: args.project, name: physical, ipVersion, deletionPolicy: args.protection ? "PREVENT" : "DELETE" },
      { parent: this, protect: args.protection },
    ).address;
  }

  private addCertificate(
    name: string,
    { project, zone }: DomainArgs,
    map: CertificateMap,
    physical: string,
    host: string,
  ): pulumi.Output<string> {
    const authorization = new DnsAuthorization(
      `${name}-authorization`,
      { project, name: physical, domain: host, type: "FIXED_RECORD" },
      { parent: this },
    );
    const proofName = `_acme-challenge.${host}`;
    const proof = authorization.dnsResourceRecords.apply((records) => {
      const record = records[0];
      // The name is known before (Certificate Manager docs, "DNS authorization", fixed record), so that adoption can compute an id of it.
      if (record?.name !== `${proofName}.` || record.type !== "CNAME")
        throw new Error(`Certificate Manager gave no CNAME record ${proofName} to prove the right to ${host}`);
      return withoutFinalDot(record.data);
    });
    const proofRecord = zone.addRecord(
      {
        logicalName: `${name}-proof`,
        name: proofName,
        type: "CNAME",
        value: proof,
        comment: recordComment(`lets Google issue and renew the certificate of ${host}`),
      },
      this,
    );
    // Certificate Manager uses Google's certificate authority, and Let's Encrypt as the fallback. No other authority
    // may issue for this name.
    const issuers = zone.addIssuers(
      { logicalName: `${name}-caa`, name: host, authorities: ["pki.goog", "letsencrypt.org"] },
      this,
    );
    const certificate = new Certificate(
      `${name}-certificate`,
      {
        project,
        name: physical,
        scope: "DEFAULT",
        managed: { domains: [host], dnsAuthorizations: [authorization.id] },
      },
      { parent: this, dependsOn: [...proofRecord, ...issuers] },
    );
    return new CertificateMapEntry(
      `${name}-certificate-entry`,
      { project, name: physical, map: mapName, certificates: [certificate.id], hostname: host },
      { parent: this, dependsOn: map },
    ).id;
  }
}

export interface DomainRecordsArgs {
  readonly host: string;
  readonly vanityHost: string | undefined;
  readonly zone: DnsZone;
  readonly addresses: Addresses;
}

/** The DNS records that point the names at the addresses. Create them once the addresses answer. */
export class DomainRecords extends pulumi.ComponentResource {
  /** The names that now point at the addresses. */
  public readonly hosts: readonly string[];

  constructor(name: string, args: DomainRecordsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:DomainRecords", name, {}, opts);
    const hosts = [[name, args.host] as const];
    if (args.vanityHost !== undefined) hosts.push([`${name}-vanity`, args.vanityHost]);
    this.hosts = hosts.map(([, host]) => host);
    for (const [logical, host] of hosts) {
      for (const [type, value] of [
        ["A", args.addresses.ipv4],
        ["AAAA", args.addresses.ipv6],
      ] as const) {
        const comment = recordComment(`${type} of ${host}`);
        args.zone.addRecord(
          { logicalName: `${logical}-${type.toLowerCase()}`, name: host, type, value, comment },
          this,
        );
      }
    }
    this.registerOutputs({ hosts: this.hosts });
  }
}

const mapName = "artifacts";

/** Google adds a final dot to names. */
function withoutFinalDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
