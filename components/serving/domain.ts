import { createHash } from "node:crypto";
import { ZoneDnssec } from "@pulumi/cloudflare/zoneDnssec.js";
import { Certificate } from "@pulumi/gcp/certificatemanager/certificate.js";
import { CertificateMap } from "@pulumi/gcp/certificatemanager/certificateMap.js";
import { CertificateMapEntry } from "@pulumi/gcp/certificatemanager/certificateMapEntry.js";
import { DnsAuthorization } from "@pulumi/gcp/certificatemanager/dnsAuthorization.js";
import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import * as pulumi from "@pulumi/pulumi";
import { IssuedCertificate } from "../promotion/resources/issued-certificate.ts";
import type { DnsZone } from "./dns/dns-zone.ts";
import { ListedZone } from "./dns/listed-zone.ts";
import { recordComment } from "./record-comment.ts";

/** A host name. */
export interface ServedHost {
  readonly host: string;
  /** The prefix of the logical names of its resources until 0.2.0, if it was there then: what a stack has under them stays. */
  readonly before?: string | undefined;
}

/** The names of the redirector. @param name the component's that has them. */
export function redirectorHosts(
  { host, vanityHost }: { readonly host: string; readonly vanityHost: string | undefined },
  name: string,
): ServedHost[] {
  const hosts = [{ host, before: name }];
  if (vanityHost !== undefined) hosts.push({ host: vanityHost, before: `${name}-vanity` });
  return hosts;
}

export interface DomainArgs {
  readonly project: string;
  /** The name of the certificate map, and the prefix of those of the addresses. */
  readonly label: string;
  /** What the map's certificates are for. */
  readonly description: string;
  /** The names that clients use. */
  readonly hosts: readonly ServedHost[];
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
  /** The full name of each host's certificate. */
  public readonly certificates: ReadonlyMap<string, pulumi.Output<string>>;
  /** The DS record of the zone, to be entered at the registrar by hand; "" if this program does not sign the zone. */
  public readonly dsRecord: pulumi.Output<string>;

  constructor(name: string, args: DomainArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:Domain", name, {}, opts);
    this.addresses = { ipv4: this.addAddress(args, "IPV4"), ipv6: this.addAddress(args, "IPV6") };
    this.dsRecord =
      args.signedZone === undefined
        ? pulumi.output("")
        : new ZoneDnssec(
            name,
            { zoneId: args.signedZone, status: "active" },
            // Its deletion takes the signatures off at once. With a DS record at the registrar, the whole zone (mail too) then stops
            // validating: taking it off is a procedure (docs/operating.md).
            { parent: this, protect: args.protection, retainOnDelete: true },
          ).ds;
    const map = new CertificateMap(
      name,
      { project: args.project, name: args.label, description: args.description },
      { parent: this },
    );
    const made = args.hosts.map((served) => ({ host: served.host, ...this.addCertificate(args, map, served) }));
    this.certificates = new Map(made.map(({ host, certificate }) => [host, certificate]));
    // A proxy with an empty map would answer without a certificate, so users of the map depend on its entries.
    this.certificateMap = pulumi.all([map.id, pulumi.all(made.map(({ entry }) => entry))]).apply(([id]) => id);
    this.registerOutputs({
      addresses: this.addresses,
      certificateMap: this.certificateMap,
      dsRecord: this.dsRecord,
    });
  }

  private addAddress(args: DomainArgs, ipVersion: "IPV4" | "IPV6"): pulumi.Output<string> {
    const physical = `${args.label}-${ipVersion.toLowerCase()}`;
    return new GlobalAddress(
      physical,
      { project: args.project, name: physical, ipVersion, deletionPolicy: args.protection ? "PREVENT" : "DELETE" },
      { parent: this, protect: args.protection },
    ).address;
  }

  /**
   * Everything is named for the host: another host is another certificate, which is made before the old one is deleted at the end of
   * the run. A certificate that is replaced under its own name is deleted first, which Google refuses while the map uses it.
   */
  private addCertificate(
    { project, label, zone }: DomainArgs,
    map: CertificateMap,
    { host, before }: ServedHost,
  ): { readonly certificate: pulumi.Output<string>; readonly entry: pulumi.Output<string> } {
    const physical = hostLabel(host);
    // The names in the cloud cannot change without a replacement: a stack of 0.2.0 keeps its own.
    const formerName = before === undefined ? undefined : (suffix: string) => `${before}${suffix}`;
    const formerly = (suffix: string) =>
      formerName === undefined ? {} : { aliases: [{ name: formerName(suffix) }], ignoreChanges: ["name"] };
    const authorization = new DnsAuthorization(
      `${host}-authorization`,
      { project, name: physical, domain: host, type: "FIXED_RECORD" },
      { parent: this, ...formerly("-authorization") },
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
        logicalName: `${host}-proof`,
        formerName: formerName?.("-proof"),
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
      {
        logicalName: `${host}-caa`,
        formerName: formerName?.("-caa"),
        name: host,
        authorities: ["pki.goog", "letsencrypt.org"],
      },
      this,
    );
    const certificate = new Certificate(
      `${host}-certificate`,
      {
        project,
        name: physical,
        scope: "DEFAULT",
        managed: { domains: [host], dnsAuthorizations: [authorization.id] },
      },
      { parent: this, dependsOn: [...proofRecord, ...issuers], ...formerly("-certificate") },
    );
    const entry = new CertificateMapEntry(
      `${host}-certificate-entry`,
      { project, name: physical, map: label, certificates: [certificate.id], hostname: host },
      { parent: this, dependsOn: map, ...formerly("-certificate-entry") },
    );
    return { certificate: certificate.id, entry: entry.id };
  }
}

export interface DomainRecordsArgs {
  readonly hosts: readonly ServedHost[];
  readonly zone: DnsZone;
  readonly addresses: Addresses;
  /** The full name of each host's certificate. */
  readonly certificates: ReadonlyMap<string, pulumi.Output<string>>;
  /** Certificate Manager's API where it is not Google's. */
  readonly certificateEndpoint: string | undefined;
  /** What answers at the addresses. */
  readonly entrances: readonly pulumi.Resource[];
}

/**
 * The DNS records that point the names at the addresses: each name once the service is there and its certificate is issued. A client that came
 * before would get an error of TLS. Where people enter the records by hand, nothing waits, and they look first.
 */
export class DomainRecords extends pulumi.ComponentResource {
  /** The names that now point at the addresses. */
  public readonly hosts: readonly string[];
  /** All that each of them consists of. */
  public readonly parts: ReadonlyMap<string, readonly pulumi.CustomResource[]>;

  constructor(name: string, args: DomainRecordsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:DomainRecords", name, {}, opts);
    this.hosts = args.hosts.map(({ host }) => host);
    const parts = new Map<string, readonly pulumi.CustomResource[]>();
    for (const { host, before } of args.hosts) {
      const issued = args.zone instanceof ListedZone ? [] : [this.addIssued(host, args)];
      const after = [...args.entrances, ...issued];
      const addresses = [
        ["A", args.addresses.ipv4],
        ["AAAA", args.addresses.ipv6],
      ] as const;
      const records = addresses.flatMap(([type, value]) => {
        // Named for the host: the records of another host are made before these are deleted.
        const suffix = `-${type.toLowerCase()}`;
        const comment = recordComment(`${type} of ${host}`);
        return args.zone.addRecord(
          {
            logicalName: `${host}${suffix}`,
            formerName: before === undefined ? undefined : `${before}${suffix}`,
            name: host,
            type,
            value,
            comment,
            after,
          },
          this,
        );
      });
      parts.set(host, [...issued, ...records]);
    }
    this.parts = parts;
    this.registerOutputs({ hosts: this.hosts });
  }

  private addIssued(
    host: string,
    { certificates, certificateEndpoint: endpoint }: DomainRecordsArgs,
  ): IssuedCertificate {
    const certificate = certificates.get(host)!;
    return new IssuedCertificate(
      `${host}-issued`,
      { certificate, ...(endpoint !== undefined && { endpoint }) },
      { parent: this },
    );
  }
}

/** A name of a host's resources in Google Cloud: 63 characters at most, a letter first, as many as there are hosts. */
function hostLabel(host: string): string {
  const hash = createHash("sha256").update(host).digest("hex").slice(0, 8);
  return `host-${host.replaceAll(".", "-").slice(0, 49)}-${hash}`;
}

/** Google adds a final dot to names. */
function withoutFinalDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
