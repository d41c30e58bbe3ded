import { z } from "zod";
import { type Cloud, findRegion, type Region, regions } from "./geography.ts";
import { nearest } from "./manifests/nearest.ts";
import type { StorageSettings } from "./promotion/request.ts";

/** The stack's configuration, validated, every default filled in: what `Pulumi.<stack>.yaml` says, in the program's own terms. */
export interface StackConfig {
  /** Begins the names that must be unique in the whole world (buckets). */
  readonly organization: string;
  /** GitHub repository of this program and its manifests, `owner/name`. */
  readonly repository: string;
  /** Google Cloud project that everything in Google Cloud belongs to; the provider's own setting `gcp:project`. */
  readonly project: string;
  /** The name that clients use: `artifacts.<domain>`. */
  readonly host: string;
  readonly domain: string;
  /** Cloudflare's id of the zone that holds the domain. */
  readonly zoneId: string;
  /** Folder of the manifests, relative to the program. */
  readonly manifests: string;
  /** The built redirector, relative to the program. */
  readonly archive: string;
  /** Regions of Google Cloud; the first holds the canonical mirrors. */
  readonly gcpRegions: readonly [Region, ...Region[]];
  readonly awsRegions: readonly Region[];
  /** Where staging areas are: a multi-region (`us`, `europe`, `asia`) or a region of Google Cloud. */
  readonly stagingLocation: string;
  /** Whether what holds artifacts is protected from removal. Without it a `pulumi destroy` removes every artifact. */
  readonly protection: boolean;
  /** Instances of the redirector in each region. */
  readonly instances: { readonly min: number; readonly max: number };
  /** Who is told of an alert; none = nobody. */
  readonly alertEmail: string | undefined;
  /** Where the storage services answer, as the providers are told by `gcp:storageCustomEndpoint`, `aws:endpoints`, `aws:s3UsePathStyle`. */
  readonly storage: StorageSettings;
}

const text = (pattern: RegExp, must: string) => z.string({ error: must }).regex(pattern, must);

const boolean = z.union(
  [z.boolean(), z.enum(["true", "false"]).transform((value) => value === "true")],
  "must be true or false",
);

/** The engine hands numbers over as text. */
const integer = (min: number, max: number) => {
  const must = `must be a whole number from ${min} to ${max}`;
  return z
    .union([z.int(), z.string().regex(/^\d+$/).transform(Number)], must)
    .pipe(z.int().min(min, must).max(max, must));
};

const optionalText = (pattern: RegExp, must: string) =>
  z.union([z.literal(""), text(pattern, must)], must).transform((value) => (value === "" ? undefined : value));

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

const stagingLocations = ["us", "europe", "asia"];

const schema = z
  .object({
    artifacts: z.strictObject({
      organization: text(
        /^[a-z]([a-z0-9]|-(?!-)){0,18}[a-z0-9]$/,
        "must be 2 to 20 lower-case letters, digits and single dashes, beginning with a letter, as bucket names begin with it",
      ),
      repository: text(/^[\w.-]+\/[\w.-]+$/, "must be the GitHub repository of this program: owner/name"),
      domain: text(
        /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/,
        'must be a domain name in lower case, such as "example.org"; clients then use artifacts.example.org',
      ).max(230),
      zoneId: text(/^[0-9a-f]{32}$/, "must be the id of the zone at Cloudflare: 32 hexadecimal digits"),
      manifests: z.string().min(1, "must be the folder of the manifests").default("manifests"),
      redirectorArchive: z
        .string()
        .min(1, "must be the path of the built redirector")
        .default("redirector/dist/redirector.zip"),
      gcpRegions: regionsOf("gcp").refine((list) => list.length > 0, {
        error: "needs at least one region, which then holds the canonical mirrors",
        when: ({ issues }) => issues.length === 0,
      }),
      awsRegions: regionsOf("aws").default([]),
      stagingLocation: z
        .string()
        .default("us")
        .refine((name) => stagingLocations.includes(name) || findRegion("gcp", name), {
          error: `must be one of ${stagingLocations.join(", ")} or a region of Google Cloud`,
        }),
      protection: boolean.default(true),
      minInstances: integer(0, 1000).default(0),
      maxInstances: integer(1, 1000).default(20),
      alertEmail: optionalText(/^[^\s@]+@[^\s@]+$/, "must be an e-mail address").prefault(""),
    }),
    gcp: z.object({
      project: text(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "must be the id of a Google Cloud project"),
      storageCustomEndpoint: endpoint.optional(),
    }),
    aws: z.object({
      region: z.string().optional(),
      endpoints: z.array(z.object({ s3: endpoint.optional() })).optional(),
      s3UsePathStyle: boolean.optional(),
    }),
  })
  .superRefine(({ artifacts, aws }, context) => {
    if (artifacts.minInstances > artifacts.maxInstances) {
      context.addIssue({
        code: "custom",
        path: ["artifacts", "minInstances"],
        message: "must not exceed maxInstances",
      });
    }
    if (artifacts.awsRegions.length > 0 && aws.region === undefined) {
      context.addIssue({
        code: "custom",
        path: ["aws", "region"],
        message: "must be set when artifacts:awsRegions lists any: the provider starts there",
      });
    }
  });

/**
 * Reads the configuration of a stack from its values by full key (`artifacts:domain`, `gcp:project`), as the engine hands them over
 * (all text, lists as JSON) or as they stand in the stack's file. Returns it, or every error in it: one line each, naming the key, what
 * stands there and what should. Keys of other packages are not looked at. Never throws.
 */
export function parseStackConfig(
  values: Readonly<Record<string, unknown>>,
): { readonly config: StackConfig } | { readonly errors: readonly string[] } {
  const input: Record<string, Record<string, unknown>> = { artifacts: {}, gcp: {}, aws: {} };
  for (const [key, value] of Object.entries(values)) {
    const [namespace, name] = key.split(":", 2) as [string, string | undefined];
    if (name !== undefined && Object.hasOwn(input, namespace)) input[namespace]![name] = decode(value);
  }
  const result = schema.safeParse(input);
  if (!result.success) return { errors: result.error.issues.flatMap((issue) => describe(issue, input)) };
  const { artifacts, gcp, aws } = result.data;
  const s3 = aws.endpoints?.find((endpoints) => endpoints.s3 !== undefined)?.s3;
  return {
    config: {
      organization: artifacts.organization,
      repository: artifacts.repository,
      project: gcp.project,
      host: `artifacts.${artifacts.domain}`,
      domain: artifacts.domain,
      zoneId: artifacts.zoneId,
      manifests: artifacts.manifests,
      archive: artifacts.redirectorArchive,
      gcpRegions: artifacts.gcpRegions as readonly Region[] as StackConfig["gcpRegions"], // at least one: the schema refuses none
      awsRegions: artifacts.awsRegions,
      stagingLocation: artifacts.stagingLocation,
      protection: artifacts.protection,
      instances: { min: artifacts.minInstances, max: artifacts.maxInstances },
      alertEmail: artifacts.alertEmail,
      storage: {
        ...(gcp.storageCustomEndpoint !== undefined && { gcsEndpoint: gcp.storageCustomEndpoint }),
        ...(s3 !== undefined && { s3Endpoint: s3 }),
        ...(aws.s3UsePathStyle !== undefined && { s3UsePathStyle: aws.s3UsePathStyle }),
      },
    },
  };
}

/** Lists and maps arrive as JSON text from the engine. */
function decode(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // not JSON after all: the schema says what it should be
  }
}

function unknownRegion(cloud: Cloud, name: string): string {
  const known = regions.filter((region) => region.cloud === cloud).map((region) => region.name);
  const meant = nearest(name, known);
  const owner = cloud === "gcp" ? "Google Cloud" : "AWS";
  return `is not a region of ${owner}${meant ? `; did you mean "${meant}"?` : ` that components/geography.ts knows`}`;
}

function describe(issue: z.core.$ZodIssue, input: unknown): string[] {
  const [namespace, name, ...rest] = issue.path;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const meant = nearest(key, Object.keys(schema.shape.artifacts.shape));
      return `${String(namespace)}:${key}: is not a setting${meant ? `; did you mean "${String(namespace)}:${meant}"?` : ""}`;
    });
  }
  const found = issue.path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
  const place = rest.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const shown = found === undefined ? "is missing: it" : JSON.stringify(found)?.slice(0, 100);
  return [`${String(namespace)}:${String(name)}${place}: ${shown} ${issue.message}`];
}
