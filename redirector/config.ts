import { en } from "zod/locales";
import * as z from "zod/mini";

// zod/mini has no default error messages.
z.config(en());

/**
 * The contract between the program that deploys the redirector and the redirector: the type of the configuration, its validation, and the
 * names of the variables and headers that both use. Independent of both.
 */

/** Environment variable that holds the configuration as JSON text. */
export const configVariable = "REDIRECTOR_CONFIG";

/** Environment variable that names a file holding the configuration; read when {@link configVariable} is not set. */
export const configFileVariable = "REDIRECTOR_CONFIG_FILE";

/**
 * Request header with the client's location from the load balancer: `<latitude>,<longitude>` in degrees, empty if unknown.
 * The value of Google's load balancer variable `{client_city_lat_long}`.
 */
export const locationHeader = "X-Client-Latlong";

/** Response header of `/v2/` with the name of the revision that answers, as Cloud Run names it. */
export const revisionHeader = "X-Revision";

const maxTextLength = 256 * 1024;

const cloud = z.enum(["gcp", "aws", "azure"]);

/** Where a mirror is: in a cloud whose clients are known by their addresses, or elsewhere. */
const mirrorCloud = z.enum(["gcp", "aws", "azure", "other"]);

const name = z
  .string()
  .check(
    z.regex(
      /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
      "must be 1-63 lower-case letters, digits, '.' and '-', as it names a thing in logs",
    ),
  );

const position = {
  latitude: z.number().check(z.gte(-90), z.lte(90)),
  longitude: z.number().check(z.gte(-180), z.lte(180)),
};

/** A base URL: absolute, without anything that changes the meaning of an appended path. */
const baseUrl = z.string().check((payload) => {
  const problem = baseUrlProblem(payload.value);
  if (problem) payload.issues.push({ code: "custom", input: payload.value, message: problem });
});

const pageUrl = z.string().check(({ value, issues }) => {
  const url = parseUrl(value);
  if (url?.href === value && url.username === "" && url.password === "") return;
  const message = "must be an absolute http(s) URL, written as a browser would write it";
  issues.push({ code: "custom", input: value, message });
});

const region = z.strictObject({
  /** The cloud's name of the region, e.g. `us-central1`. */
  name,
  ...position,
});

/** Settings of both kinds of mirrors. */
const mirror = {
  /** Unique among all mirrors; used as label in logs and metrics. */
  name,
  /**
   * Without a slash at the end: of an image mirror the registry API base with the repository path,
   * `https://us-central1-docker.pkg.dev/v2/p/images`; of a file mirror the public address of the bucket, `https://storage.googleapis.com/bucket`.
   */
  url: baseUrl,
  cloud: mirrorCloud,
  region: name,
  ...position,
  /** Other places that it is in: a mirror in several regions is as far away as the nearest of them. */
  alsoAt: z.optional(z.array(z.strictObject(position)).check(z.maxLength(64))),
  /**
   * Path after `url` that a healthy mirror answers with less than 400, e.g. `/demo/hello/manifests/latest`. Without it, any
   * status below 500 of the mirror's root means healthy.
   */
  probePath: z.optional(
    z.string().check(z.regex(/^\/[\x21-\x7e]*$/, "must start with a slash and hold only visible characters")),
  ),
  /** Divides distances: 2 attracts clients from twice as far. 0 drains the mirror: used only when no other mirror is healthy. */
  weight: z._default(z.number().check(z.gte(0), z.lte(100)), 1),
};

/** The class of the dearest mirrors. */
export const highestCostClass = 9;

const share = {
  /**
   * Percent of all clients, by their networks, that are sent there before the later criteria count, wherever they are. Counts only where `prefer` has
   * `shares`.
   */
  share: z._default(z.number().check(z.gte(0), z.lte(100)), 0),
};

const costClass = {
  /** How much a byte to a client outside of the mirror's cloud costs, in order: 0 the least. Counts only where `prefer` has `cheapest`. */
  costClass: z._default(z.int().check(z.gte(0), z.lte(highestCostClass)), 0),
};

const imageMirror = z.strictObject({
  ...mirror,
  ...costClass,
  ...share,
  /**
   * A registry, or the objects of a bucket that is laid out as one (object-paths.ts); then `url` is the public address of the bucket, or of a
   * CDN in front of it.
   */
  kind: z._default(z.enum(["registry", "objects"]), "registry"),
});

const fileMirror = z.strictObject({
  ...mirror,
  ...costClass,
  ...share,
  /** The bucket also holds image layers, under `containers/images/<digest>`. */
  layers: z._default(z.boolean(), false),
});

const criterion = z.enum(["same-cloud", "registries", "buckets", "shares", "cheapest", "nearest"]);

/** What decides which mirror a client gets, the most important first (mirrors/mirrors.ts). */
const preference = z.array(criterion).check(({ value, issues }) => {
  const fail = (message: string) => issues.push({ code: "custom", input: value, message });
  if (new Set(value).size < value.length) fail("must name each criterion once");
  if (value.at(-1) !== "nearest")
    fail("must end with nearest: it decides between mirrors that are alike, and nothing after it would count");
});

/** What decides where nothing is configured. */
export const usualPreference: z.infer<typeof preference> = ["same-cloud", "nearest"];

/** Settings of a stack's operator (`artifacts:redirector`), all with defaults. The program sets the rest of the configuration. */
const operatorSettings = {
  /**
   * `same-cloud`: a mirror inside the client's own cloud; `cheapest`: the one with the lowest cost class (inside its own cloud a client costs
   * nothing); `registries`, `buckets`: image mirrors of that kind; `shares`: the mirror whose `share` the client belongs to, if one does;
   * `nearest`: the shortest distance.
   */
  prefer: z._default(preference, [...usualPreference]),
  /** The same for the images and files whose paths begin with a prefix, by prefix; of two that match the longer one counts. */
  preferIn: z._default(
    z.record(
      z
        .string()
        .check(
          z.regex(
            /^[a-z0-9]([a-z0-9._/-]{0,253}[a-z0-9])?$/,
            "must be a prefix of images or files, such as a project's",
          ),
        ),
      preference,
    ),
    {},
  ),
  /**
   * Which clients get image layers from the buckets that have them (`layers: true`): only clients inside that cloud, or all clients
   * outside GCP (inside GCP, reading the registry is free).
   */
  layerClients: z._default(z.enum(["same-cloud", "outside-gcp"]), "same-cloud"),
  health: z.prefault(
    z.strictObject({
      /** Time between two probes of a mirror, with 20 % jitter. */
      intervalSeconds: z._default(z.number().check(z.gte(0.05), z.lte(3600)), 10),
      /** Time to the next probe after a result that differs from the mirror's current state. */
      recheckSeconds: z._default(z.number().check(z.gte(0.05), z.lte(3600)), 1),
      timeoutSeconds: z._default(z.number().check(z.gte(0.05), z.lte(60)), 2),
      /** Failures in a row that make a healthy mirror unhealthy. */
      unhealthyAfter: z._default(z.int().check(z.gte(1), z.lte(100)), 3),
      /** Successes in a row that make an unhealthy mirror healthy. */
      healthyAfter: z._default(z.int().check(z.gte(1), z.lte(100)), 2),
      /** Most concurrent probes. */
      concurrency: z._default(z.int().check(z.gte(1), z.lte(256)), 8),
    }),
    {},
  ),
  /** Existence checks. */
  existence: z.prefault(
    z.strictObject({
      /**
       * Whether a mirror is asked for an object (and the result cached) before a client is redirected there, so that no pull fails at a mirror
       * that promotion has not reached yet or that is still being filled. Buckets are always asked for layers.
       */
      mirrors: z._default(z.boolean(), true),
      /** Cached results; those of 120,000 take 10 MiB. More objects than these in use, and their checks are repeated. */
      entries: z._default(z.int().check(z.gte(2), z.lte(1_000_000)), 120_000),
      presentSeconds: z._default(z.number().check(z.gte(0), z.lte(86_400)), 600),
      /**
       * The same for what a registry has, and for images by digest in buckets; of those that are older than `presentSeconds` a mirror is asked for one in a second, and for all if it
       * has lost that one. Not more than `presentSeconds`: they are like all others.
       */
      agedSeconds: z._default(z.number().check(z.gte(0), z.lte(86_400)), 21_600),
      absentSeconds: z._default(z.number().check(z.gte(0), z.lte(86_400)), 60),
      /** How long a pull waits for a check before it is redirected to another mirror. */
      timeoutSeconds: z._default(z.number().check(z.gte(0.01), z.lte(10)), 0.8),
      /** Most concurrent checks; at the limit, further checks are skipped. */
      concurrency: z._default(z.int().check(z.gte(1), z.lte(4096)), 128),
    }),
    {},
  ),
  /** What promotions have published, read from the file mirrors in place of existence checks. */
  presence: z.prefault(
    z.strictObject({
      /** Whether it is read. Otherwise mirrors are asked for every object. */
      read: z._default(z.boolean(), true),
      /** Time between two readings of the index, with 20 % jitter. */
      intervalSeconds: z._default(z.number().check(z.gte(0.05), z.lte(3600)), 30),
      timeoutSeconds: z._default(z.number().check(z.gte(0.1), z.lte(60)), 10),
      /** Most objects that are known by it, of eight bytes each, and as many again while a document changes; of projects beyond that, mirrors are asked. */
      objects: z._default(z.int().check(z.gte(0), z.lte(16_000_000)), 1_000_000),
    }),
    {},
  ),
  /** Lists (`tags/list`, `referrers`), which the redirector reads completely from a mirror and returns itself. */
  lists: z.prefault(
    z.strictObject({
      /** Whether it does. Otherwise clients are redirected to a mirror, whose next links do not work for many of them. */
      answered: z._default(z.boolean(), true),
      /** How long a list is cached: a new tag is listed up to this much later. */
      keptSeconds: z._default(z.number().check(z.gte(0), z.lte(3600)), 10),
      /** Timeout of a complete list. */
      timeoutSeconds: z._default(z.number().check(z.gte(0.1), z.lte(60)), 10),
      /** Most lists read concurrently; at the limit, clients are redirected. */
      concurrency: z._default(z.int().check(z.gte(1), z.lte(256)), 8),
      /** Largest list, in bytes of all pages and in pages; for a larger list clients are redirected. */
      bytes: z._default(z.int().check(z.gte(1024), z.lte(67_108_864)), 8_388_608),
      pages: z._default(z.int().check(z.gte(1), z.lte(10_000)), 1_000),
      /** Bytes of all cached lists. */
      keptBytes: z._default(z.int().check(z.gte(0), z.lte(268_435_456)), 16_777_216),
    }),
    {},
  ),
  pages: z.prefault(
    z.strictObject({
      /** Redirect target of `/`; without it `/` is the catalogue. */
      home: z.optional(pageUrl),
      /** Redirect target of `/privacy`; without it `/privacy` is 404. */
      privacy: z.optional(pageUrl),
    }),
    {},
  ),
  /**
   * Port of the Prometheus metrics, for a collector in the instance's network; 0: any free port. Without it the metrics are not served, and
   * reach Cloud Monitoring only through the summaries in the log.
   */
  metricsPort: z.optional(z.int().check(z.gte(0), z.lte(65535))),
  limits: z.prefault(
    z.strictObject({
      /** Longest request target (path and query) in bytes. */
      targetBytes: z._default(z.int().check(z.gte(256), z.lte(16_384)), 12_288),
      /** Longest time from SIGTERM to exit. Cloud Run kills after 10 s. */
      drainSeconds: z._default(z.number().check(z.gte(0), z.lte(3600)), 8),
    }),
    {},
  ),
};

/** The log settings of a stack's operator. */
const operatorLogSettings = {
  /** Time between two summaries of the metrics (log-summary.ts); 0: none. */
  summarySeconds: z._default(z.number().check(z.gte(0), z.lte(3600)), 60),
  /** How much of the client's address is logged: nothing, its network (/24, /48), or the full address. */
  clientAddress: z._default(z.enum(["none", "network", "full"]), "network"),
};

const schema = z
  .strictObject({
    /** Host name that clients use, e.g. `artifacts.example.dev`. */
    host: z.string().check(z.minLength(1), z.maxLength(253)),
    /** Region of this instance. Also the location of clients whose location is unknown. */
    region,
    /**
     * Number of addresses that our own proxies append to X-Forwarded-For after the client's. Google's external load
     * balancer appends `<client>,<load balancer>`: 1.
     */
    trustedHops: z._default(z.int().check(z.gte(0), z.lte(16)), 1),
    /** Canonical mirror first. */
    imageMirrors: z._default(z.array(imageMirror).check(z.maxLength(256)), []),
    /** Canonical mirror first. */
    fileMirrors: z._default(z.array(fileMirror).check(z.maxLength(256)), []),
    /** Locations of the clouds' regions. For a client in one of them its header is ignored. */
    cloudRegions: z._default(z.array(z.strictObject({ cloud, name, ...position })).check(z.maxLength(1024)), []),
    ...operatorSettings,
    log: z.prefault(
      z.strictObject({
        ...operatorLogSettings,
        /** Sample rate of logged requests, 0 to 1. Errors of the redirector itself are always logged. */
        sample: z._default(z.number().check(z.gte(0), z.lte(1)), 1),
        /** Google Cloud project whose Cloud Trace the requests' trace ids belong to. Without it the ids are logged unchanged. */
        traceProject: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
      }),
      {},
    ),
  })
  .check(({ value: config, issues }) => {
    if (config.imageMirrors.length + config.fileMirrors.length === 0) {
      const message = "needs at least one of imageMirrors and fileMirrors";
      issues.push({ code: "custom", input: config, path: [], message });
    }
    const seen = new Set<string>();
    for (const list of ["imageMirrors", "fileMirrors"] as const) {
      const shares = sumOfShares(config[list].map((mirror) => mirror.share));
      if (shares > 100) {
        const message = `the shares are ${shares} percent; at most 100 can be divided`;
        issues.push({ code: "custom", input: config[list], path: [list], message });
      }
      config[list].forEach((mirror, index) => {
        if (seen.has(mirror.name)) {
          issues.push({
            code: "custom",
            input: mirror.name,
            path: [list, index, "name"],
            message: `"${mirror.name}" is used twice; mirror names must be unique`,
          });
        }
        seen.add(mirror.name);
      });
    }
  });

/** Only the operator's settings, as in the stack's config. */
const settingsSchema = z.strictObject({
  ...operatorSettings,
  log: z.prefault(z.strictObject(operatorLogSettings), {}),
});

/** The operator's settings as input: each has a default and is optional. */
export type RedirectorSettings = z.input<typeof settingsSchema>;

/** Errors in an operator's settings: the path in the value and the reason. Empty: the value is {@link RedirectorSettings}. Never throws. */
export function problemsInSettings(
  value: unknown,
): readonly { readonly path: PropertyKey[]; readonly message: string }[] {
  const result = settingsSchema.safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => ({ path, message }));
}

/** The configuration as the redirector uses it: validated, every default filled in. */
export type RedirectorConfig = z.output<typeof schema>;

/** The configuration as input: what has a default is optional. */
export type RedirectorConfigInput = z.input<typeof schema>;

/** What decides which mirror a client gets. */
export type Preference = RedirectorConfig["prefer"];

/** All that decides anywhere, where an operator's settings say so. */
export function configuredCriteria({ prefer = [], preferIn = {} }: RedirectorSettings): Set<Preference[number]> {
  return new Set([prefer, ...Object.values(preferIn)].flat());
}

/** Seconds until every redirector with these settings has read what a promotion published, as long as its file mirror answers. */
export function secondsToRead(settings: RedirectorSettings): number {
  const { intervalSeconds, timeoutSeconds } = settingsSchema.parse(settings).presence;
  return Math.ceil(1.2 * intervalSeconds + timeoutSeconds); // with the jitter
}

/** Percent in all. Rounded: in another order than the operator's, fractions may add up to a little more. */
export function sumOfShares(shares: readonly number[]): number {
  return Number(shares.reduce((sum, share) => sum + share, 0).toFixed(6));
}

/** An image mirror as the redirector uses it. */
export type ImageMirrorConfig = RedirectorConfig["imageMirrors"][number];

/** A file mirror as the redirector uses it. */
export type FileMirrorConfig = RedirectorConfig["fileMirrors"][number];

/**
 * Reads the JSON text of a configuration. Returns the configuration with its defaults, or all errors, each with the
 * path in the value (`imageMirrors[1].url`), the actual value and the expected one. Never throws.
 */
export function parseConfig(text: string): { config: RedirectorConfig } | { errors: string[] } {
  if (text.length > maxTextLength) {
    return { errors: [`the configuration is ${text.length} characters long; at most ${maxTextLength} are read`] };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { errors: [`the configuration is not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const result = schema.safeParse(value);
  if (result.success) return { config: result.data };
  return { errors: result.error.issues.map((issue) => describe(issue, value)) };
}

function describe(issue: z.core.$ZodIssue, root: unknown): string {
  const place = issue.path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
  const found = issue.path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    root,
  );
  const shown =
    typeof found === "object" && found !== null ? "" : ` (it is ${JSON.stringify(found)?.slice(0, 100) ?? "missing"})`;
  return `${place === "" ? "the configuration" : place}: ${issue.message}${shown}`;
}

/** What is wrong with a text as the base of the URLs that clients are sent to: the same for whoever writes the configuration. Never throws. */
export function baseUrlProblem(text: string): string | undefined {
  const url = parseUrl(text);
  if (!url) return "must be an absolute http(s) URL";
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (url.search !== "" || url.hash !== "" || text.includes("?") || text.includes("#"))
    return "must not have a query or fragment";
  if (text.endsWith("/")) return "must not end with a slash";
  const written = url.pathname === "/" ? `${url.href}`.slice(0, -1) : url.href;
  if (written !== text) return `must be written as ${written}`;
  return undefined;
}

function parseUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  return url && (url.protocol === "https:" || url.protocol === "http:") ? url : undefined;
}
