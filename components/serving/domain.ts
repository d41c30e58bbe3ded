import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { ZoneDnssec } from "@pulumi/cloudflare/zoneDnssec.js";
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
  /** One more name for the same, if any, in the same zone. */
  readonly vanityHost: string | undefined;
  /** Cloudflare's id of the zone that holds them. */
  readonly zoneId: string;
  /** Sign the zone. */
  readonly dnssec: boolean;
  readonly protection: boolean;
}

/** The two addresses of the service. They outlive every load balancer: clients' firewalls and caches know them. */
export interface Addresses {
  readonly ipv4: pulumi.Output<string>;
  readonly ipv6: pulumi.Output<string>;
}

/**
 * What the names need before anything serves them: the addresses, and certificates that are issued on proof in the DNS, so before a name
 * points here and without an outage when it moves here from elsewhere. {@link DomainRecords} then makes the switch.
 */
export class Domain extends pulumi.ComponentResource {
  public readonly addresses: Addresses;
  /** Id of the certificate map, `projects/<project>/locations/global/certificateMaps/<name>`. */
  public readonly certificateMap: pulumi.Output<string>;
  /** The DS record of the zone, to be entered at the registrar by hand; "": the zone is signed by others, or not. */
  public readonly dsRecord: pulumi.Output<string>;

  constructor(name: string, args: DomainArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:Domain", name, {}, opts);
    this.addresses = { ipv4: this.addAddress(args, "IPV4"), ipv6: this.addAddress(args, "IPV6") };
    this.dsRecord = args.dnssec
      ? new ZoneDnssec(name, { zoneId: args.zoneId, status: "active" }, { parent: this }).ds
      : pulumi.output("");
    const map = new CertificateMap(
      name,
      { project: args.project, name: mapName, description: "Certificates of the redirector's names" },
      { parent: this },
    );
    const entries = [this.addCertificate(name, args, map, "artifacts", args.host)];
    if (args.vanityHost !== undefined) {
      entries.push(this.addCertificate(`${name}-vanity`, args, map, "artifacts-vanity", args.vanityHost));
    }
    // A proxy with an empty map would answer without a certificate: whoever uses the map waits for its entries.
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
      if (record === undefined) throw new Error(`Certificate Manager gave no DNS record to prove the right to ${host}`);
      return record;
    });
    const record = { zoneId, ttl: 300, proxied: false }; // its comment is the name by which a lost state finds it again
    const proofRecord = new DnsRecord(
      `${name}-proof`,
      {
        ...record,
        name: proof.name.apply(withoutFinalDot),
        type: proof.type,
        content: proof.data.apply(withoutFinalDot),
        comment: `artifacts: lets Google issue and renew the certificate of ${host}`,
      },
      { parent: this },
    );
    // Certificate Manager asks Google's authority, and Let's Encrypt when that one refuses. No other one may issue for this name.
    const authorities = ["pki.goog", "letsencrypt.org"].map(
      (value) =>
        new DnsRecord(
          `${name}-caa-${value}`,
          {
            ...record,
            name: host,
            type: "CAA",
            data: { flags: "0", tag: "issue", value },
            comment: `artifacts: ${value} may issue certificates of ${host}`,
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

/** The switch: the names point at the addresses. To be made when they answer. */
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
            // The load balancer must see the clients' own addresses: it tells the redirector where they are.
            proxied: false,
            comment: `artifacts: ${type} of ${host}`,
          },
          { parent: this },
        );
      }
    }
    this.registerOutputs({ hosts: this.hosts });
  }
}

const mapName = "artifacts";

/** Cloudflare writes names without the final dot that Google has. */
function withoutFinalDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
