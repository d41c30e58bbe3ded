import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { ZoneDnssec } from "@pulumi/cloudflare/zoneDnssec.js";
import { Certificate } from "@pulumi/gcp/certificatemanager/certificate.js";
import { CertificateMap } from "@pulumi/gcp/certificatemanager/certificateMap.js";
import { CertificateMapEntry } from "@pulumi/gcp/certificatemanager/certificateMapEntry.js";
import { DnsAuthorization } from "@pulumi/gcp/certificatemanager/dnsAuthorization.js";
import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import * as pulumi from "@pulumi/pulumi";
import { recordComment } from "./record-comment.ts";

export interface DomainArgs {
  readonly project: string;
  /** The name that clients use. */
  readonly host: string;
  /** An additional name for the same service, if any, in the same zone. */
  readonly vanityHost: string | undefined;
  /** Cloudflare's id of the zone that contains them. */
  readonly zoneId: string;
  /** Sign the zone (DNSSEC). */
  readonly dnssec: boolean;
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
    this.dsRecord = args.dnssec
      ? new ZoneDnssec(name, { zoneId: args.zoneId, status: "active" }, { parent: this }).ds
      : pulumi.output("");
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
    { project, zoneId }: DomainArgs,
    map: CertificateMap,
    physical: string,
    host: string,
  ): pulumi.Output<string> {
    const authorization = new DnsAuthorization(
      `${name}-authorization`,
      { project, name: physical, domain: host, type: "FIXED_RECORD" },
      { parent: this },
    );
    const proof = authorization.dnsResourceRecords.apply((records) => {
      const record = records[0];
      if (record === undefined) throw new Error(`Certificate Manager returned no DNS record to authorize ${host}`);
      return record;
    });
    const record = { zoneId, ttl: 300, proxied: false }; // adoption finds the record by its comment after a loss of the state
    const proofRecord = new DnsRecord(
      `${name}-proof`,
      {
        ...record,
        name: proof.name.apply(withoutFinalDot),
        type: proof.type,
        content: proof.data.apply(withoutFinalDot),
        comment: recordComment(`lets Google issue and renew the certificate of ${host}`),
      },
      { parent: this },
    );
    // Certificate Manager uses Google's certificate authority, and Let's Encrypt as the fallback. No other authority
    // may issue for this name.
    const authorities = ["pki.goog", "letsencrypt.org"].map(
      (value) =>
        new DnsRecord(
          `${name}-caa-${value}`,
          {
            ...record,
            name: host,
            type: "CAA",
            data: { flags: 0, tag: "issue", value },
            comment: recordComment(`${value} may issue certificates of ${host}`),
          },
          { parent: this },
        ),
    );
    const certificate = new Certificate(
      `${name}-certificate`,
      {
        project,
        name: physical,
        scope: "DEFAULT",
        managed: { domains: [host], dnsAuthorizations: [authorization.id] },
      },
      { parent: this, dependsOn: [proofRecord, ...authorities] },
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
  readonly zoneId: string;
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
      for (const [type, content] of [
        ["A", args.addresses.ipv4],
        ["AAAA", args.addresses.ipv6],
      ] as const) {
        new DnsRecord(
          `${logical}-${type.toLowerCase()}`,
          {
            zoneId: args.zoneId,
            name: host,
            type,
            content,
            ttl: 300,
            // Not proxied: the load balancer must see the clients' own addresses, since it tells the redirector their location.
            proxied: false,
            comment: recordComment(`${type} of ${host}`),
          },
          { parent: this },
        );
      }
    }
    this.registerOutputs({ hosts: this.hosts });
  }
}

const mapName = "artifacts";

/** Cloudflare writes names without the final dot that Google adds. */
function withoutFinalDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
