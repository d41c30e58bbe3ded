import { z } from "zod";
import {
  configuredCriteria,
  problemsInSettings,
  type RedirectorSettings,
  sumOfShares,
} from "../../redirector/config.ts";
import { nearest } from "../promotion/text/nearest.ts";
import { approverPattern } from "./approver.ts";
import { type CdnPurgeSetting, cdnPurgeFormat } from "./cdn-purge-format.ts";
import { clientUrlFormat } from "./client-url-format.ts";
import { cloudCdnName } from "./cloud-cdn-name.ts";
import { type Cloud, findRegion, type Region, regions, singleRegions } from "./geography.ts";
import { type ImageStore, imageStoresFormat } from "./image-store-format.ts";
import { regionGroupPattern } from "./region-group-name.ts";
import { type StackSigning, signingFormat } from "./signing-format.ts";
import type { StorageEndpoints } from "./storage-endpoints.ts";
import { type StackTrust, stackTrustFormat } from "./trust-format.ts";

/** Who serves the zone that holds the domain; `none`: people enter its records by hand. */
const dnsServices = ["cloudflare", "google", "route53", "none"] as const;

/** Where the names are. */
export interface DnsSettings {
  readonly dns: (typeof dnsServices)[number];
  /** Cloudflare's id of the zone, the name of a managed zone in the stack's Google Cloud project, or Route 53's id; empty with `none`. */
  readonly zoneId: string;
}

/** What the zone's id must be, by service. */
const zoneIds: Readonly<Record<Exclude<DnsSettings["dns"], "none">, { readonly form: RegExp; readonly must: string }>> =
  {
    cloudflare: { form: /^[0-9a-f]{32}$/, must: "must be the id of the zone at Cloudflare: 32 hexadecimal digits" },
    google: {
      form: /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
      must: "must be the name of the managed zone in gcp:project: gcloud dns managed-zones list",
    },
    route53: { form: /^Z[A-Z0-9]{1,31}$/, must: "must be the id of the hosted zone: aws route53 list-hosted-zones" },
  };

/** The stack's configuration (`Pulumi.<stack>.yaml`), validated, with all defaults filled in. */
export interface StackConfig {
  /** Prefix of names that must be globally unique (buckets). */
  readonly organization: string;
  /**
   * The same for the buckets in Google Cloud. It differs from `organization` after the loss of a project, which still
   * reserves their names.
   */
  readonly googlePrefix: string;
  /** Names of production buckets that were there before this stack, by region; the others are named by these prefixes. */
  readonly bucketNames: Readonly<Record<string, string>>;
  /** Where clients read the buckets of some regions, without a slash at the end: a CDN in front of them. By region. */
  readonly publicUrls: Readonly<Record<string, string>>;
  /** Names of the CDNs that this program makes in front of buckets in Google Cloud, by region; `publicUrls` and `cdnPurge` have them too. */
  readonly cloudCdn: Readonly<Record<string, string>>;
  /** Percent of all clients that are sent to the mirrors of a region, or to an image store, by its name. */
  readonly clientShares: Readonly<Record<string, number>>;
  /** How the CDNs in front of buckets are purged, by region or name of an image store. */
  readonly cdnPurge: Readonly<Record<string, CdnPurgeSetting>>;
  /** Id of the Artifact Registry repository that holds production in each region. */
  readonly imageRepository: string;
  /** GitHub repository of this program and its manifests, `owner/name`. */
  readonly repository: string;
  /** Its numeric id at GitHub, all digits. */
  readonly repositoryId: string;
  /** The GitHub owners, name to id, whose repositories may push to staging areas. Includes the owner of `repository`. */
  readonly githubOwners: Readonly<Record<string, string>>;
  /** GitHub users and teams (`organization/team`) that approve changes of everything that belongs to no project; none: nobody is asked. */
  readonly approvers: readonly string[];
  /** Google Cloud project that everything in Google Cloud belongs to; the provider's own setting `gcp:project`. */
  readonly project: string;
  /** Its number, which occurs in the names of Google's service agents and of identities. */
  readonly projectNumber: string;
  /** The name that clients use: `artifacts.<domain>`. */
  readonly host: string;
  /** An additional name for the same service, if any, in the same zone. */
  readonly vanityHost: string | undefined;
  readonly dns: DnsSettings;
  /** Folder of the manifests, relative to the program. */
  readonly manifests: string;
  /** The built redirector, relative to the program. */
  readonly archive: string;
  /** Regions and multi-regions of Google Cloud, at least one of them a region; the first holds the canonical mirrors. */
  readonly gcpRegions: readonly [Region, ...Region[]];
  readonly awsRegions: readonly Region[];
  /** Names of this stack's regions whose buckets are image mirrors, beside the repositories in Artifact Registry. */
  readonly imageBuckets: ReadonlySet<string>;
  /** Object stores elsewhere that are image mirrors. */
  readonly imageStores: readonly ImageStore[];
  /** Groups of regions by name, each a list of names of this stack's regions and image stores, beside or in place of the usual ones (region-groups.ts). */
  readonly regionGroups: Readonly<Record<string, readonly string[]>>;
  /** Where staging areas are: a multi-region (`us`, `europe`, `asia`) or a region of Google Cloud. */
  readonly stagingLocation: string;
  /** Whether the cleanup of staging only logs what it would remove (dry run). */
  readonly cleanupDryRun: boolean;
  /** Whether the images of the canonical mirror are scanned for known vulnerabilities; Google bills each new digest. */
  readonly vulnerabilityScanning: boolean;
  /** Whether reads of the file mirrors in Google Cloud are logged, to a bucket of their own. */
  readonly accessLogs: boolean;
  /** Whether this program signs the zone (DNSSEC). False: it is left as it is. */
  readonly dnssec: boolean;
  /** A new mirror that lacks more artifacts of a project than this is left to `artifacts fill`; undefined: none is. */
  readonly fillAbove: number | undefined;
  /** Whether DNS records that leave the program stay in their zone: while the zone moves. */
  readonly keepDnsRecords: boolean;
  /** Names of regions that are about to be removed: their mirrors get no clients and lose their protection. */
  readonly retiring: ReadonlySet<string>;
  /** Names of regions whose mirrors get no clients, by the redirectors' config alone: nothing else of the region is touched. */
  readonly drained: ReadonlySet<string>;
  /** Whether the host names point here. False: everything is created and filled, but the DNS records are not. */
  readonly live: boolean;
  /** The Google Cloud project that the state, its key and the identities' pool are in, apart from production; undefined: production's. */
  readonly seed: { readonly project: string; readonly projectNumber: string } | undefined;
  /** Where the stack's state is, to grant the identities access to it; undefined: granted elsewhere. */
  readonly state: { readonly bucket: string; readonly key: string } | undefined;
  /** The AWS account, the provider's own setting `aws:allowedAccountIds`; undefined without AWS. */
  readonly awsAccount: string | undefined;
  /** Where the AWS provider starts, its own setting `aws:region`; undefined without AWS. */
  readonly awsRegion: string | undefined;
  /** Whether resources that hold artifacts are protected from deletion. Without it `pulumi destroy` deletes every artifact. */
  readonly protection: boolean;
  /** Instances of the redirector in each region; `minIn` overrides `min` by region. */
  readonly instances: {
    readonly min: number;
    readonly max: number;
    readonly minIn: Readonly<Record<string, number>>;
  };
  /** Share of the requests that the load balancer and the redirector log, 0 to 1. */
  readonly logSampleRate: number;
  /** The policy of projects that declare none; its mode is the least that any project may ask for. */
  readonly trust: StackTrust;
  /** How promotions are signed. */
  readonly signing: StackSigning;
  /** Settings of the redirector itself; the defaults of redirector/config.ts apply to those left out. */
  readonly redirector: RedirectorSettings;
  /** Who is notified of alerts; empty: nobody. */
  readonly alertEmail: string | undefined;
  /** What the project may cost in a calendar month, in whole units of the billing account's currency; undefined: no budget is made. */
  readonly budget: { readonly billingAccount: string; readonly units: number } | undefined;
  /** GiB that the buckets in Google Cloud may send in a day before somebody is told; undefined: any. */
  readonly sentGibPerDay: number | undefined;
  /**
   * Endpoints of the storage services, from the providers' settings `gcp:storageCustomEndpoint`, `aws:endpoints`,
   * `aws:s3UsePathStyle`.
   */
  readonly storage: StorageEndpoints;
  /**
   * The settings `gcp:monitoringCustomEndpoint`, `gcp:billingCustomEndpoint` and `cloudflare:baseUrl`; undefined: the clouds' endpoints. Read by
   * adoption only.
   */
  readonly monitoringEndpoint: string | undefined;
  readonly billingEndpoint: string | undefined;
  readonly cloudflareEndpoint: string | undefined;
  /** The setting `gcp:certificateManagerCustomEndpoint`; undefined: Google's endpoint. */
  readonly certificateEndpoint: string | undefined;
  /** The setting `gcp:computeCustomEndpoint`; undefined: Google's endpoint. Read by purges of Google's CDN only. */
  readonly computeEndpoint: string | undefined;
  /** The setting `gcp:cloudRunV2CustomEndpoint`; undefined: Google's endpoint. Read by `artifacts fill` only. */
  readonly runEndpoint: string | undefined;
}

const text = (pattern: RegExp, must: string) => z.string({ error: must }).regex(pattern, must);

const boolean = z.union(
  [z.boolean(), z.enum(["true", "false"]).transform((value) => value === "true")],
  "must be true or false",
);

/** The engine passes numbers as text. */
const integer = (min: number, max: number) => {
  const must = `must be a whole number from ${min} to ${max}`;
  return z
    .union([z.int(), z.string().regex(/^\d+$/).transform(Number)], must)
    .pipe(z.int().min(min, must).max(max, must));
};

/** A share from 0 to 1; the engine passes numbers as text. */
const share = z
  .union(
    [
      z.number(),
      z
        .string()
        .regex(/^(0|1|0?\.\d+|\d+(\.\d+)?e-\d+)$/)
        .transform(Number),
    ],
    "must be a number from 0 to 1",
  )
  .pipe(z.number().min(0, "must be a number from 0 to 1").max(1, "must be a number from 0 to 1"));

/** The redirector validates its own settings; here its problems are prefixed with the stack's key. */
const redirectorSettings = z
  .unknown()
  .optional()
  .transform((value = {}, context) => {
    for (const { path, message } of problemsInSettings(value)) {
      context.addIssue({ code: "custom", path, message: `is not valid: ${message}` });
    }
    return value as RedirectorSettings;
  });

const defaultLogSampleRate = 0.01;

const optionalText = (pattern: RegExp, must: string) =>
  z.union([z.literal(""), text(pattern, must)], must).transform((value) => (value === "" ? undefined : value));

/** A numeric id of GitHub, which YAML may have as a number. */
const githubId = (must: string) => z.union([z.int().positive().transform(String), text(/^[1-9]\d{0,18}$/, must)], must);

const endpoint = z.url({ protocol: /^https?$/, error: "must be an http or https address" });

const regionsOf = (cloud: Cloud) =>
  z.array(z.string("must be the name of a region"), "must be a list of region names").transform((names, context) =>
    names.flatMap((name, index) => {
      const region = findRegion(cloud, name);
      const problem = region
        ? names.indexOf(name) < index
          ? "is listed twice"
          : undefined
        : unknownRegion(cloud, name);
      if (problem) context.addIssue({ code: "custom", path: [index], message: problem });
      return region ? [region] : [];
    }),
  );

const domainName = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;

const bucketPrefix = /^[a-z]([a-z0-9]|-(?!-)){0,18}[a-z0-9]$/;
const bucketPrefixMust =
  "must be 2 to 20 lower-case letters, digits and single dashes, beginning with a letter, as bucket names begin with it";

const projectId = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

const stagingLocations = ["us", "europe", "asia"];

/** Every setting by package and key. */
const settings = {
  artifacts: {
    organization: text(bucketPrefix, bucketPrefixMust),
    googlePrefix: optionalText(bucketPrefix, bucketPrefixMust).prefault(""),
    repository: text(/^[\w.-]+\/[\w.-]+$/, "must be the GitHub repository of this program: owner/name"),
    repositoryId: githubId("must be the number of that repository: gh api repos/<owner>/<name> --jq .id"),
    githubOwners: z.record(
      z.string(),
      githubId("must be the number of that owner: gh api users/<owner> --jq .id"),
      "must be a map of owners at GitHub to their numbers: <owner>: gh api users/<owner> --jq .id",
    ),
    approvers: z
      .array(
        text(approverPattern, "must be a GitHub user's login, or organization/team (its slug), without @"),
        "must be a list of GitHub users and teams",
      )
      .default([]),
    domain: text(
      domainName,
      'must be a domain name in lower case, such as "example.org"; clients then use artifacts.example.org',
    ).max(230),
    projectNumber: text(
      /^\d{6,15}$/,
      "must be the number of the project in Google Cloud: gcloud projects describe <project>",
    ),
    dns: z.enum(dnsServices, `must be one of ${dnsServices.join(", ")}`).default("cloudflare"),
    zoneId: z.string("must be the id of the zone at the service that artifacts:dns names").default(""),
    manifests: z.string().min(1, "must be the folder of the manifests").default("manifests"),
    redirectorArchive: z
      .string()
      .regex(/.\.tar\.gz$/, "must be the path of the built redirector, a .tar.gz: Cloud Run takes no other archive")
      .default("redirector/dist/redirector.tar.gz"),
    gcpRegions: regionsOf("gcp").refine((list) => list.length > 0, {
      error: "needs at least one region, which then holds the canonical mirrors",
      when: ({ issues }) => issues.length === 0,
    }),
    awsRegions: regionsOf("aws").default([]),
    imageBuckets: z.array(z.string(), "must be a list of region names").default([]),
    imageStores: imageStoresFormat,
    regionGroups: z
      .record(
        z.string(),
        z.array(z.string("must be the name of a region"), "must be a list of names of regions"),
        "must be a map of groups to the names of their regions",
      )
      .superRefine((groups, context) => {
        for (const group of Object.keys(groups)) {
          const message = "must have the name of a group: lower-case letters, digits and dashes";
          if (!regionGroupPattern.test(group)) context.addIssue({ code: "custom", path: [group], message });
        }
      })
      .default({}),
    bucketNames: z
      .record(
        z.string(),
        text(/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/, "must be the name of a bucket"),
        "must be a map of region names to names of buckets",
      )
      .default({}),
    publicUrls: z.record(z.string(), clientUrlFormat, "must be a map of region names to addresses").default({}),
    cdnPurge: cdnPurgeFormat,
    cloudCdn: z
      .record(
        z.string(),
        text(domainName, "must be a host name in lower case"),
        "must be a map of regions of Google Cloud to host names",
      )
      .default({}),
    clientShares: z
      .record(
        z.string(),
        z.number("must be percent of all clients").min(0, "must be 0 to 100").max(100, "must be 0 to 100"),
        "must be a map of region names and names of image stores to percent",
      )
      .default({}),
    imageRepository: text(
      /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      "must be the id of a repository: lower-case letters, digits and dashes, a letter first, 63 at most",
    ).default("images"),
    stagingLocation: z
      .string()
      .default("us")
      .refine((name) => stagingLocations.includes(name) || findRegion("gcp", name), {
        error: `must be one of ${stagingLocations.join(", ")} or a region of Google Cloud`,
      }),
    protection: boolean.default(true),
    retiringRegions: z.array(z.string(), "must be a list of region names").default([]),
    drainedRegions: z.array(z.string(), "must be a list of region names").default([]),
    live: boolean.default(true),
    cleanupDryRun: boolean.default(false),
    vulnerabilityScanning: boolean.default(false),
    accessLogs: boolean.default(false),
    dnssec: boolean.default(false),
    keepDnsRecords: boolean.default(false),
    vanityHost: optionalText(domainName, "must be a host name in lower case").prefault(""),
    stateBucket: optionalText(/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/, "must be the name of a bucket").prefault(""),
    stateKey: optionalText(
      /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/,
      "must be the full name of a key: projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>",
    ).prefault(""),
    seedProject: optionalText(projectId, "must be the id of a Google Cloud project").prefault(""),
    seedProjectNumber: optionalText(
      /^\d{6,15}$/,
      "must be the number of the seed project: gcloud projects describe <project>",
    ).prefault(""),
    minInstances: integer(0, 1000).default(0),
    minInstancesByRegion: z
      .record(z.string(), integer(0, 1000), "must be a map of region names to numbers")
      .default({}),
    maxInstances: integer(1, 1000).default(20),
    logSampleRate: share.default(defaultLogSampleRate),
    trust: stackTrustFormat.prefault({}),
    signing: signingFormat.prefault({}),
    redirector: redirectorSettings,
    alertEmail: optionalText(/^[^\s@]+@[^\s@]+$/, "must be an e-mail address").prefault(""),
    billingAccount: optionalText(
      /^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$/,
      "must be the id of the project's billing account: gcloud billing projects describe <project>",
    ).prefault(""),
    monthlyBudget: integer(0, 1_000_000_000).default(0),
    sentGibPerDay: integer(0, 1_000_000_000).default(0),
    fillAbove: integer(0, 1_000_000_000).default(0),
  },
  gcp: {
    project: text(projectId, "must be the id of a Google Cloud project"),
    storageCustomEndpoint: endpoint.optional(),
    monitoringCustomEndpoint: endpoint.optional(),
    billingCustomEndpoint: endpoint.optional(),
    certificateManagerCustomEndpoint: endpoint.optional(),
    cloudRunV2CustomEndpoint: endpoint.optional(),
    computeCustomEndpoint: endpoint.optional(),
  },
  cloudflare: {
    baseUrl: endpoint.optional(),
  },
  aws: {
    region: z.string().optional(),
    allowedAccountIds: z
      .array(text(/^\d{12}$/, "must be the id of an AWS account: 12 digits"), "must be a list of AWS account ids")
      .optional(),
    endpoints: z.array(z.object({ s3: endpoint.optional() })).optional(),
    s3UsePathStyle: boolean.optional(),
  },
};

type Settings = {
  readonly [Package in keyof typeof settings]: {
    readonly [Key in keyof (typeof settings)[Package]]: z.output<(typeof settings)[Package][Key] & z.ZodType>;
  };
};

/** The settings that are valid by themselves; the others are absent. */
type SomeSettings = { readonly [Package in keyof Settings]: Partial<Settings[Package]> };

/** A renamed key. The old name is accepted, with a warning, until the next major release. */
interface RenamedKey {
  readonly now: string;
  /** The default of the new key. The engine fills it in from Pulumi.yaml, so it does not conflict with the old key. */
  readonly byDefault: unknown;
  /**
   * The old key's value in the form of the new key. A value that cannot be converted is returned as it is, and refused
   * under the new name.
   */
  convert(value: unknown): unknown;
}

const renamedKeys: Readonly<Record<string, RenamedKey>> = {
  // Since 0.2.0: "one request in N" became a share of the requests.
  logOneIn: {
    now: "logSampleRate",
    byDefault: defaultLogSampleRate,
    convert: (value) => (/^[1-9]\d{0,6}$/.test(String(value)) ? 1 / Number(value) : value),
  },
};

/** Replaces old keys by new ones, in place. Adds a warning for each, and an error if both are set. */
function renameKeys(given: Record<string, unknown>, warnings: string[], errors: string[]): void {
  for (const [old, { now, byDefault, convert }] of Object.entries(renamedKeys)) {
    if (!Object.hasOwn(given, old)) continue;
    const value = given[old];
    delete given[old];
    if (Object.hasOwn(given, now) && String(given[now]) !== String(byDefault)) {
      errors.push(
        `artifacts:${old}: is the old name of artifacts:${now}, which is set as well: remove artifacts:${old}`,
      );
      continue;
    }
    given[now] = convert(value);
    warnings.push(`artifacts:${old}: is deprecated: write artifacts:${now}: ${JSON.stringify(given[now])} instead`);
  }
}

/** Problems between settings. Considers only settings that are valid by themselves. */
function conflicts({ artifacts, aws, gcp }: SomeSettings): string[] {
  const errors: string[] = [];
  const { gcpRegions, awsRegions = [], minInstances = 0, maxInstances, domain, vanityHost } = artifacts;
  if (maxInstances !== undefined && minInstances > maxInstances) {
    errors.push(`artifacts:minInstances: ${minInstances} must not exceed maxInstances, ${maxInstances}`);
  }
  if (gcpRegions !== undefined) {
    const served = singleRegions(gcpRegions).map((region) => region.name);
    if (gcpRegions.length > 0 && served.length === 0)
      errors.push("artifacts:gcpRegions: has only multi-regions: name a region too, in which a redirector runs");
    for (const [name, min] of Object.entries(artifacts.minInstancesByRegion ?? {})) {
      if (!served.includes(name)) errors.push(`artifacts:minInstancesByRegion: ${unlisted(name, served)}`);
      if (maxInstances !== undefined && min > maxInstances) {
        errors.push(`artifacts:minInstancesByRegion.${name}: ${min} must not exceed maxInstances, ${maxInstances}`);
      }
    }
    const listed = [...gcpRegions, ...awsRegions].map((region) => region.name);
    for (const key of ["bucketNames", "publicUrls"] as const)
      for (const name of Object.keys(artifacts[key] ?? {}))
        if (!listed.includes(name)) errors.push(`artifacts:${key}: ${unlisted(name, listed)}`);
    const stores = (artifacts.imageStores ?? []).map(({ name }) => name);
    for (const name of Object.keys(artifacts.cdnPurge ?? {})) {
      if (stores.includes(name)) continue; // its `url` may be a CDN's
      if (!listed.includes(name)) errors.push(`artifacts:cdnPurge: ${unlisted(name, [...listed, ...stores])}`);
      else if (artifacts.publicUrls?.[name] === undefined)
        errors.push(`artifacts:cdnPurge.${name}: no CDN is there: set its address in artifacts:publicUrls`);
    }
    errors.push(...cloudCdnErrors(artifacts));
    const grouped = [...listed, ...stores];
    for (const [group, names] of Object.entries(artifacts.regionGroups ?? {}))
      for (const name of names)
        if (!grouped.includes(name)) errors.push(`artifacts:regionGroups.${group}: ${unlisted(name, grouped)}`);
    errors.push(...shareErrors(artifacts, grouped));
    for (const key of ["retiringRegions", "drainedRegions", "imageBuckets"] as const) {
      for (const name of artifacts[key] ?? []) {
        if (!listed.includes(name)) errors.push(`artifacts:${key}: ${unlisted(name, listed)}`);
      }
    }
  }
  const owner = artifacts.repository?.split("/")[0];
  if (owner !== undefined && artifacts.githubOwners !== undefined && !Object.hasOwn(artifacts.githubOwners, owner)) {
    errors.push(`artifacts:githubOwners: has no "${owner}", the owner of artifacts:repository`);
  }
  if (domain !== undefined && vanityHost !== undefined && !vanityHost.endsWith(`.${domain}`)) {
    errors.push(
      `artifacts:vanityHost: "${vanityHost}" must end with ".${domain}": its records are put into the same zone`,
    );
  }
  errors.push(...dnsErrors(artifacts, aws));
  if ((artifacts.stateBucket === undefined) !== (artifacts.stateKey === undefined)) {
    errors.push("artifacts:stateBucket, artifacts:stateKey: must be set together, or neither");
  }
  if (artifacts.seedProject !== undefined && artifacts.seedProjectNumber === undefined) {
    errors.push("artifacts:seedProjectNumber: must be set together with artifacts:seedProject");
  }
  if (artifacts.seedProject === undefined && artifacts.seedProjectNumber !== undefined) {
    errors.push("artifacts:seedProject: must be set together with artifacts:seedProjectNumber");
  }
  if (artifacts.seedProject !== undefined && artifacts.seedProject === gcp.project) {
    errors.push(
      "artifacts:seedProject: must be another project than gcp:project, whose loss it is to survive; leave it out to keep the state there",
    );
  }
  const [, keyProject] = artifacts.stateKey?.split("/") ?? [];
  if (artifacts.seedProject !== undefined && keyProject !== undefined && keyProject !== artifacts.seedProject) {
    errors.push(
      `artifacts:stateKey: must be in artifacts:seedProject, ${artifacts.seedProject}, but is in ${keyProject} (docs/operating.md says how to move the state)`,
    );
  }
  if ((artifacts.billingAccount === undefined) !== (artifacts.monthlyBudget === 0)) {
    errors.push(
      "artifacts:billingAccount, artifacts:monthlyBudget: must be set together, or neither: gcloud billing projects describe <project>",
    );
  }
  if (awsRegions.length > 0 && aws.region === undefined) {
    errors.push("aws:region: must be set when artifacts:awsRegions lists any: the provider starts there");
  }
  if (awsRegions.length > 0 && aws.allowedAccountIds?.length !== 1) {
    errors.push(
      "aws:allowedAccountIds: must name one account when artifacts:awsRegions lists any: the provider then changes no other",
    );
  }
  return errors;
}

/** The name that clients use. */
function hostIn(domain: string): string {
  return `artifacts.${domain}`;
}

/** What is wrong with the CDNs that the program makes. */
function cloudCdnErrors({
  cloudCdn = {},
  gcpRegions = [],
  publicUrls = {},
  cdnPurge = {},
  domain = "",
  vanityHost,
  dns,
}: SomeSettings["artifacts"]): string[] {
  const key = "artifacts:cloudCdn";
  const errors: string[] = [];
  const google = gcpRegions.map(({ name }) => name);
  const taken = new Set([hostIn(domain), vanityHost]);
  for (const [name, host] of Object.entries(cloudCdn)) {
    if (!google.includes(name)) errors.push(`${key}: ${unlisted(name, google)} in artifacts:gcpRegions`);
    for (const [other, set] of Object.entries({ publicUrls, cdnPurge }))
      if (Object.hasOwn(set, name)) errors.push(`${key}.${name}: artifacts:${other} must not have ${name} too`);
    if (!host.endsWith(`.${domain}`))
      errors.push(`${key}.${name}: "${host}" must end with ".${domain}": its records are put into the same zone`);
    if (taken.has(host)) errors.push(`${key}.${name}: "${host}" has another use: each CDN needs a name of its own`);
    taken.add(host);
  }
  if (dns === "none" && Object.keys(cloudCdn).length > 0)
    errors.push(
      `${key}: must not be set when artifacts:dns is none: clients would be sent to a name before anybody has entered its records`,
    );
  return errors;
}

/** What is wrong with the shares of clients. */
function shareErrors(
  { clientShares = {}, redirector }: SomeSettings["artifacts"],
  listed: readonly string[],
): string[] {
  const key = "artifacts:clientShares";
  const errors = Object.keys(clientShares)
    .filter((name) => !listed.includes(name))
    .map((name) => `${key}: ${unlisted(name, listed)}`);
  const sum = sumOfShares(Object.values(clientShares));
  if (sum > 100) errors.push(`${key}: ${sum} percent in all, at most 100 can be divided`);
  if (redirector === undefined) return errors;
  const counts = configuredCriteria(redirector).has("shares");
  if (counts && sum === 0) errors.push(`${key}: must be set where artifacts:redirector prefers shares`);
  if (!counts && sum > 0)
    errors.push(
      `${key}: counts only where artifacts:redirector has shares in prefer: prefer: [shares, same-cloud, nearest]`,
    );
  return errors;
}

/** What is wrong with the zone, for the service that it is at. */
function dnsErrors({ dns, zoneId, dnssec }: SomeSettings["artifacts"], aws: SomeSettings["aws"]): string[] {
  if (dns === undefined || zoneId === undefined) return [];
  const errors: string[] = [];
  if (dns === "none") {
    if (zoneId !== "") errors.push("artifacts:zoneId: must not be set when artifacts:dns is none: no zone is changed");
  } else if (!zoneIds[dns].form.test(zoneId)) {
    errors.push(
      `artifacts:zoneId: ${zoneId === "" ? "is missing: it" : JSON.stringify(zoneId)} ${zoneIds[dns].must} (artifacts:dns is ${dns})`,
    );
  }
  if (dnssec === true && dns !== "cloudflare")
    errors.push(`artifacts:dnssec: must be false when artifacts:dns is ${dns}: sign the zone where it is`);
  if (dns === "route53" && aws.region === undefined)
    errors.push("aws:region: must be set when artifacts:dns is route53: the provider starts there");
  if (dns === "route53" && aws.allowedAccountIds?.length !== 1) {
    errors.push(
      "aws:allowedAccountIds: must name one account when artifacts:dns is route53: the provider then changes no other",
    );
  }
  return errors;
}

/** A usable config of a stack with its warnings, one line each; or all of its errors. */
export type ParsedConfig =
  | { readonly config: StackConfig; readonly warnings: readonly string[] }
  | { readonly errors: readonly string[] };

/**
 * Reads the configuration of a stack from its values by full key (`artifacts:domain`, `gcp:project`), as the engine
 * passes them (all text, lists as JSON) or as they are in the stack's file. Returns it, or all of its errors: one
 * line each, with the key, its value and what is expected. Deprecated keys are read under their new name, with a
 * warning each. Keys of other packages are ignored. Never throws.
 */
export function parseStackConfig(values: Readonly<Record<string, unknown>>): ParsedConfig {
  const input: Record<keyof Settings, Record<string, unknown>> = { artifacts: {}, gcp: {}, aws: {}, cloudflare: {} };
  for (const [fullKey, value] of Object.entries(values)) {
    const [namespace, key] = fullKey.split(":", 2) as [string, string | undefined];
    if (key !== undefined && Object.hasOwn(input, namespace)) input[namespace as keyof Settings][key] = decode(value);
  }
  const found: Record<string, Record<string, unknown>> = { artifacts: {}, gcp: {}, aws: {}, cloudflare: {} };
  const errors: string[] = [];
  const warnings: string[] = [];
  renameKeys(input.artifacts, warnings, errors);
  for (const [namespace, fields] of Object.entries(settings)) {
    const given = input[namespace as keyof Settings];
    for (const [key, field] of Object.entries(fields)) {
      const result = (field as z.ZodType).safeParse(given[key]);
      if (result.success) found[namespace]![key] = result.data;
      else errors.push(...result.error.issues.map((issue) => describe(`${namespace}:${key}`, issue, given[key])));
    }
  }
  for (const key of Object.keys(input.artifacts)) {
    if (Object.hasOwn(settings.artifacts, key)) continue;
    const meant = nearest(key, Object.keys(settings.artifacts));
    errors.push(`artifacts:${key}: is not a setting${meant ? `; did you mean "artifacts:${meant}"?` : ""}`);
  }
  errors.push(...conflicts(found as unknown as SomeSettings));
  if (errors.length > 0) return { errors };
  const { artifacts, gcp, aws, cloudflare } = found as unknown as Settings; // every field was parsed
  // Until the names point here nobody is sent to the CDNs either.
  const cdns = artifacts.live ? Object.entries(artifacts.cloudCdn) : [];
  const s3 = aws.endpoints?.find((endpoints) => endpoints.s3 !== undefined)?.s3;
  return {
    warnings,
    config: {
      organization: artifacts.organization,
      googlePrefix: artifacts.googlePrefix ?? artifacts.organization,
      bucketNames: artifacts.bucketNames,
      publicUrls: {
        ...artifacts.publicUrls,
        ...Object.fromEntries(cdns.map(([region, host]) => [region, `https://${host}`])),
      },
      cdnPurge: {
        ...artifacts.cdnPurge,
        ...Object.fromEntries(cdns.map(([region]) => [region, { by: "google", urlMap: cloudCdnName }] as const)),
      },
      cloudCdn: artifacts.cloudCdn,
      clientShares: artifacts.clientShares,
      imageRepository: artifacts.imageRepository,
      repository: artifacts.repository,
      repositoryId: artifacts.repositoryId,
      githubOwners: artifacts.githubOwners,
      approvers: artifacts.approvers,
      project: gcp.project,
      projectNumber: artifacts.projectNumber,
      host: hostIn(artifacts.domain),
      vanityHost: artifacts.vanityHost,
      dns: { dns: artifacts.dns, zoneId: artifacts.zoneId },
      manifests: artifacts.manifests,
      archive: artifacts.redirectorArchive,
      gcpRegions: artifacts.gcpRegions as readonly Region[] as StackConfig["gcpRegions"], // at least one: the schema refuses none
      awsRegions: artifacts.awsRegions,
      imageBuckets: new Set(artifacts.imageBuckets),
      imageStores: artifacts.imageStores,
      regionGroups: artifacts.regionGroups,
      stagingLocation: artifacts.stagingLocation,
      cleanupDryRun: artifacts.cleanupDryRun,
      vulnerabilityScanning: artifacts.vulnerabilityScanning,
      accessLogs: artifacts.accessLogs,
      dnssec: artifacts.dnssec,
      keepDnsRecords: artifacts.keepDnsRecords,
      retiring: new Set(artifacts.retiringRegions),
      drained: new Set(artifacts.drainedRegions),
      live: artifacts.live,
      seed:
        artifacts.seedProject !== undefined && artifacts.seedProjectNumber !== undefined
          ? { project: artifacts.seedProject, projectNumber: artifacts.seedProjectNumber }
          : undefined,
      state:
        artifacts.stateBucket !== undefined && artifacts.stateKey !== undefined
          ? { bucket: artifacts.stateBucket, key: artifacts.stateKey }
          : undefined,
      awsAccount: aws.allowedAccountIds?.[0],
      awsRegion: aws.region,
      protection: artifacts.protection,
      instances: {
        min: artifacts.minInstances,
        max: artifacts.maxInstances,
        minIn: artifacts.minInstancesByRegion,
      },
      logSampleRate: artifacts.logSampleRate,
      trust: artifacts.trust,
      signing: artifacts.signing,
      redirector: artifacts.redirector,
      alertEmail: artifacts.alertEmail,
      budget:
        artifacts.billingAccount === undefined
          ? undefined
          : { billingAccount: artifacts.billingAccount, units: artifacts.monthlyBudget },
      sentGibPerDay: artifacts.sentGibPerDay === 0 ? undefined : artifacts.sentGibPerDay,
      fillAbove: artifacts.fillAbove === 0 ? undefined : artifacts.fillAbove,
      monitoringEndpoint: gcp.monitoringCustomEndpoint,
      billingEndpoint: gcp.billingCustomEndpoint,
      cloudflareEndpoint: cloudflare.baseUrl,
      certificateEndpoint: gcp.certificateManagerCustomEndpoint,
      runEndpoint: gcp.cloudRunV2CustomEndpoint,
      computeEndpoint: gcp.computeCustomEndpoint,
      storage: {
        ...(gcp.storageCustomEndpoint !== undefined && { gcsEndpoint: gcp.storageCustomEndpoint }),
        ...(s3 !== undefined && { s3Endpoint: s3 }),
        ...(aws.s3UsePathStyle !== undefined && { s3UsePathStyle: aws.s3UsePathStyle }),
      },
    },
  };
}

/** The engine passes lists and maps as JSON text. */
function decode(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // not JSON: the schema reports what is expected
  }
}

function unlisted(name: string, listed: readonly string[]): string {
  const meant = nearest(name, listed);
  return `${JSON.stringify(name)} is not among this stack's regions${meant ? `; did you mean "${meant}"?` : ""}`;
}

function unknownRegion(cloud: Cloud, name: string): string {
  const known = regions.filter((region) => region.cloud === cloud).map((region) => region.name);
  const meant = nearest(name, known);
  const owner = cloud === "gcp" ? "Google Cloud" : "AWS";
  return `is not a region of ${owner}${meant ? `; did you mean "${meant}"?` : ` that components/stack/geography.ts knows`}`;
}

function describe(key: string, issue: z.core.$ZodIssue, value: unknown): string {
  const found = issue.path.reduce<unknown>(
    (at, step) => (typeof at === "object" && at !== null ? Reflect.get(at, step) : undefined),
    value,
  );
  const place = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  const shown = found === undefined ? "is missing: it" : JSON.stringify(found)?.slice(0, 100);
  return `${key}${place}: ${shown} ${issue.message}`;
}
