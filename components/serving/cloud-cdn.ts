import { BackendBucket } from "@pulumi/gcp/compute/backendBucket.js";
import { URLMap } from "@pulumi/gcp/compute/urlmap.js";
import * as pulumi from "@pulumi/pulumi";
import type { MirrorAddresses } from "../mirrors/mirrors.ts";
import { withoutFailed } from "../mirrors/settled.ts";
import { cloudCdnName } from "../stack/cloud-cdn-name.ts";
import type { DnsZone } from "./dns/dns-zone.ts";
import { Domain, DomainRecords } from "./domain.ts";
import { addHttps } from "./entrances.ts";

export interface CloudCdnArgs {
  readonly project: string;
  /** The CDNs' host names, by region of the bucket; one at least. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly mirrors: pulumi.Output<MirrorAddresses>;
  /** The zone that holds the names. */
  readonly zone: DnsZone;
  /** Certificate Manager's API where it is not Google's. */
  readonly certificateEndpoint: string | undefined;
  /** Whether clients are sent to the names. False: everything is there but the records. */
  readonly live: boolean;
  readonly protection: boolean;
}

/**
 * Cloud CDN in front of buckets in Google Cloud: each a backend bucket behind a host name of its own, on a load balancer apart from the redirector's. What
 * the redirector is configured with would else depend on a load balancer that needs the redirector first; and a mistake in one cannot stop the other.
 *
 * No drill deploys it. The emulated load balancer leads a host to its backend bucket (test/contract/emulated-load-balancer.test.ts), but keeps nothing, and its
 * redirectors cannot resolve the names, so their probes would fail. Only Google's shows how long an object is kept, when a purge holds, and that the certificates are issued.
 */
export class CloudCdn extends pulumi.ComponentResource {
  readonly #urls: URLMap;
  readonly #records: DomainRecords | undefined;
  readonly #hosts: CloudCdnArgs["hosts"];

  constructor(name: string, args: CloudCdnArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:domain:CloudCdn", name, {}, opts);
    const { project, zone, certificateEndpoint } = args;
    this.#hosts = args.hosts;
    const hosts = Object.values(args.hosts).map((host) => ({ host }));
    const domain = new Domain(
      name,
      {
        project,
        label: cloudCdnName,
        description: "Certificates of the CDNs' host names",
        hosts,
        zone,
        signedZone: undefined,
        protection: args.protection,
      },
      { parent: this },
    );
    this.#urls = this.addUrls(name, args);
    const entrances = addHttps(
      name,
      {
        project,
        label: cloudCdnName,
        addresses: domain.addresses,
        urls: this.#urls,
        certificateMap: domain.certificateMap,
      },
      this,
    );
    const { addresses, certificates } = domain;
    this.#records = args.live
      ? new DomainRecords(
          `${name}-records`,
          { hosts, zone, addresses, certificates, certificateEndpoint, entrances },
          { parent: this },
        )
      : undefined;
    this.registerOutputs({ hosts: Object.values(args.hosts) });
  }

  /**
   * Where clients read buckets, once each CDN can be reached: without those whose name could not be made in this run. Their clients are sent to
   * the bucket itself.
   *
   * Whoever uses it depends on the names that are there. So the engine deletes no name that left the program while a redirector could not be
   * told, or was not, as its canary failed: its clients are still sent there.
   */
  reachable(publicUrls: Readonly<Record<string, string>>): pulumi.Output<Readonly<Record<string, string>>> {
    const looked = Promise.all(
      Object.entries(this.#hosts).map(async ([region, host]) => {
        const parts = this.#records?.parts.get(host) ?? [];
        const isReachable = (await withoutFailed(parts)).length === parts.length;
        return { region, isReachable, ids: isReachable ? parts.map(({ id }) => id) : [] };
      }),
    );
    const reached = looked.then((all) => {
      const left = new Set(all.filter(({ isReachable }) => !isReachable).map(({ region }) => region));
      return Object.fromEntries(Object.entries(publicUrls).filter(([region]) => !left.has(region)));
    });
    // A preview does not know the ids of what is to be made, and need not.
    if (pulumi.runtime.isDryRun()) return pulumi.output(reached);
    const ids = looked.then((all) => all.flatMap((each) => each.ids));
    return pulumi.all([reached, ids]).apply(([urls]) => urls);
  }

  /** A value that is known once there is a CDN to purge, or there will be none in this run: Google refuses to purge what is not there. */
  oncePurgeable<T>(value: T): pulumi.Output<T> {
    return pulumi.output(withoutFailed([this.#urls]).then(() => value)) as pulumi.Output<T>;
  }

  private addUrls(name: string, { project, hosts, mirrors }: CloudCdnArgs): URLMap {
    const buckets = Object.entries(hosts).map(([region, host]) => ({
      region,
      host,
      backend: new BackendBucket(
        `${name}-${region}`,
        {
          project,
          name: `${cloudCdnName}-${region}`,
          bucketName: mirrors.apply(
            ({ files }) => files.find((mirror) => mirror.kind === "gcs" && mirror.region === region)!.bucket,
          ),
          enableCdn: true,
          cdnPolicy: {
            // Each object says how long it may be kept (components/promotion: digests for ever, tags and mutable files for a minute).
            cacheMode: "USE_ORIGIN_HEADERS",
            negativeCaching: false, // what is promoted next must not be missing for minutes
            serveWhileStale: 0, // a tag that moved would be answered from the cache once more
            requestCoalescing: true,
          },
          compressionMode: "DISABLED", // clients get the bytes whose checksum they have
        },
        { parent: this },
      ),
    }));
    return new URLMap(
      name,
      {
        project,
        name: cloudCdnName,
        defaultService: buckets[0]!.backend.id,
        hostRules: buckets.map(({ host, region }) => ({ hosts: [host], pathMatcher: region })),
        pathMatchers: buckets.map(({ region, backend }) => ({ name: region, defaultService: backend.id })),
      },
      { parent: this },
    );
  }
}
