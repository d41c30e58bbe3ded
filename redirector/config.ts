import { en } from "zod/locales";
import * as z from "zod/mini";

// The small half of zod has no words of its own.
z.config(en());

/**
 * The one contract between the program that deploys the redirector and the redirector itself: the type of its configuration,
 * its validation, and the names by which the two meet. Knows nothing of either side.
 */

/** Environment variable that holds the configuration as JSON text. */
export const configVariable = "REDIRECTOR_CONFIG";

/** Environment variable that names a file holding the configuration; read when {@link configVariable} is not set. */
export const configFileVariable = "REDIRECTOR_CONFIG_FILE";

/**
 * Request header by which the load balancer tells where the client is: `<latitude>,<longitude>` in degrees, empty when it does not know.
 * The value of Google's load balancer variable `{client_city_lat_long}`.
 */
export const locationHeader = "X-Client-Latlong";

const maxTextLength = 256 * 1024;

const cloud = z.enum(["gcp", "aws", "azure"]);

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

/** An address that requests are sent to: absolute, nothing in it that could change the meaning of what is appended. */
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
  /** Name of the region as its cloud has it, e.g. `us-central1`. */
  name,
  ...position,
});

/** What a mirror of either kind is. */
const mirror = {
  /** Unique among all mirrors; the label in logs and metrics. */
  name,
  /**
   * Without a slash at the end: of an image mirror the registry API base with the repository path,
   * `https://us-central1-docker.pkg.dev/v2/p/images`; of a file mirror the public address of the bucket, `https://storage.googleapis.com/bucket`.
   */
  url: baseUrl,
  cloud,
  region: name,
  ...position,
  /**
   * Path after `url` that a healthy mirror answers with less than 400, e.g. `/demo/hello/manifests/latest`. Without it any
   * answer below 500 to its root will do.
   */
  probePath: z.optional(
    z.string().check(z.regex(/^\/[\x21-\x7e]*$/, "must start with a slash and hold only visible characters")),
  ),
  /** Distances are divided by it: 2 draws clients from twice as far. 0 drains the mirror: used only when no other one is healthy. */
  weight: z._default(z.number().check(z.gte(0), z.lte(100)), 1),
};

const imageMirror = z.strictObject(mirror);

const fileMirror = z.strictObject({
  ...mirror,
  /** The bucket also holds image layers, under `containers/images/<digest>`. */
  layers: z._default(z.boolean(), false),
});

/** What the operator of a stack may set (`artifacts:redirector` there); all have defaults. The rest of the configuration is the program's. */
const operatorSettings = {
  /**
   * Who gets image layers from the buckets that hold them (`layers: true`): only clients inside that cloud, or every client
   * that is not inside GCP (which reads the registry for nothing).
   */
  layerClients: z._default(z.enum(["same-cloud", "outside-gcp"]), "same-cloud"),
  health: z.prefault(
    z.strictObject({
      /** Time between two probes of a healthy mirror; each wait is varied by a fifth. */
      intervalSeconds: z._default(z.number().check(z.gte(0.05), z.lte(3600)), 10),
      /** Time between two probes of a mirror whose last answer differs from what it is taken to be. */
      recheckSeconds: z._default(z.number().check(z.gte(0.05), z.lte(3600)), 1),
      timeoutSeconds: z._default(z.number().check(z.gte(0.05), z.lte(60)), 2),
      /** Failures in a row that make a healthy mirror unhealthy. */
      unhealthyAfter: z._default(z.int().check(z.gte(1), z.lte(100)), 3),
      /** Successes in a row that make an unhealthy mirror healthy. */
      healthyAfter: z._default(z.int().check(z.gte(1), z.lte(100)), 2),
      /** Probes under way at the same time. */
      concurrency: z._default(z.int().check(z.gte(1), z.lte(256)), 8),
    }),
    {},
  ),
  /** Knowledge of what mirrors hold. */
  existence: z.prefault(
    z.strictObject({
      /**
       * Whether a mirror is asked, once in a while for each thing, whether it holds it before a client is sent there: one that promotion
       * has not reached yet, or that is being filled, then costs nobody a pull. Buckets are always asked for layers.
       */
      mirrors: z._default(z.boolean(), true),
      entries: z._default(z.int().check(z.gte(2), z.lte(1_000_000)), 20_000),
      presentSeconds: z._default(z.number().check(z.gte(0), z.lte(86_400)), 600),
      absentSeconds: z._default(z.number().check(z.gte(0), z.lte(86_400)), 60),
      /** How long a pull may wait for the answer before it is sent elsewhere. */
      timeoutSeconds: z._default(z.number().check(z.gte(0.01), z.lte(10)), 0.8),
      /** Questions under way at the same time; beyond that no more are asked. */
      concurrency: z._default(z.int().check(z.gte(1), z.lte(4096)), 128),
    }),
    {},
  ),
  /** Lists (`tags/list`, `referrers`), which the redirector reads whole from a mirror and answers itself. */
  lists: z.prefault(
    z.strictObject({
      /** Whether it does; else clients are redirected to a mirror, whose links to further pages lead many of them nowhere. */
      answered: z._default(z.boolean(), true),
      /** How long a list is remembered: a new tag is listed that much later. */
      keptSeconds: z._default(z.number().check(z.gte(0), z.lte(3600)), 10),
      /** Time for a whole list. */
      timeoutSeconds: z._default(z.number().check(z.gte(0.1), z.lte(60)), 10),
      /** Lists read at the same time; beyond that clients are redirected. */
      concurrency: z._default(z.int().check(z.gte(1), z.lte(256)), 8),
      /** Largest list in bytes, all its pages together, and in pages; of a larger one clients are redirected. */
      bytes: z._default(z.int().check(z.gte(1024), z.lte(67_108_864)), 8_388_608),
      pages: z._default(z.int().check(z.gte(1), z.lte(10_000)), 1_000),
      /** Bytes of all lists that are remembered. */
      keptBytes: z._default(z.int().check(z.gte(0), z.lte(268_435_456)), 16_777_216),
    }),
    {},
  ),
  pages: z.prefault(
    z.strictObject({
      /** Where `/` leads; without it there is no such page. */
      home: z.optional(pageUrl),
      /** Where `/privacy` leads. */
      privacy: z.optional(pageUrl),
    }),
    {},
  ),
  /** Port of the Prometheus metrics, for a collector inside the instance's own network; 0: any free one. Without it none are served, and what is
   * counted reaches Cloud Monitoring by the log's summaries alone. */
  metricsPort: z.optional(z.int().check(z.gte(0), z.lte(65535))),
  limits: z.prefault(
    z.strictObject({
      /** Longest request target (path and query) in bytes. */
      targetBytes: z._default(z.int().check(z.gte(256), z.lte(16_384)), 12_288),
      /** Time from SIGTERM to the end at most. Cloud Run kills after 10 s. */
      drainSeconds: z._default(z.number().check(z.gte(0), z.lte(3600)), 8),
    }),
    {},
  ),
};

/** The operator's part of the log's settings. */
const operatorLogSettings = {
  /** Time between two summaries of what was counted (log-summary.ts); 0: none. */
  summarySeconds: z._default(z.number().check(z.gte(0), z.lte(3600)), 60),
  /** What is logged of the client's address: nothing, its network (/24, /48), or all of it. */
  clientAddress: z._default(z.enum(["none", "network", "full"]), "network"),
};

const schema = z
  .strictObject({
    /** Host name that clients use, e.g. `artifacts.example.dev`. */
    host: z.string().check(z.minLength(1), z.maxLength(253)),
    /** Where this instance serves: stands in for a client's location when nothing is known of it. */
    region,
    /**
     * How many addresses at the right end of X-Forwarded-For our own proxies wrote after the client's. Google's external load
     * balancer appends `<client>,<load balancer>`: 1.
     */
    trustedHops: z._default(z.int().check(z.gte(0), z.lte(16)), 1),
    /** Canonical mirror first. */
    imageMirrors: z._default(z.array(imageMirror).check(z.maxLength(256)), []),
    /** Canonical mirror first. */
    fileMirrors: z._default(z.array(fileMirror).check(z.maxLength(256)), []),
    /** Where the clouds' regions are; a client in one of them is taken to be there, whatever its header says. */
    cloudRegions: z._default(z.array(z.strictObject({ cloud, name, ...position })).check(z.maxLength(1024)), []),
    ...operatorSettings,
    log: z.prefault(
      z.strictObject({
        ...operatorLogSettings,
        /** Share of the requests that are logged, 0 to 1. Errors of the redirector itself are always logged. */
        sample: z._default(z.number().check(z.gte(0), z.lte(1)), 1),
        /** Google Cloud project whose Cloud Trace the requests' trace ids belong to. Without it they are logged as they are. */
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

/** The operator's settings by themselves, as the stack's config has them. */
const settingsSchema = z.strictObject({
  ...operatorSettings,
  log: z.prefault(z.strictObject(operatorLogSettings), {}),
});

/** The operator's settings as one writes them: each has a default and may be left out. */
export type RedirectorSettings = z.input<typeof settingsSchema>;

/** What is wrong with an operator's settings: the path in the value and the reason. Empty: {@link RedirectorSettings}. Never throws. */
export function problemsInSettings(
  value: unknown,
): readonly { readonly path: PropertyKey[]; readonly message: string }[] {
  const result = settingsSchema.safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => ({ path, message }));
}

/** The configuration as the redirector uses it: validated, every default filled in. */
export type RedirectorConfig = z.output<typeof schema>;

/** The configuration as one writes it: what has a default may be left out. */
export type RedirectorConfigInput = z.input<typeof schema>;

/** An image mirror as the redirector uses it. */
export type ImageMirrorConfig = RedirectorConfig["imageMirrors"][number];

/** A file mirror as the redirector uses it. */
export type FileMirrorConfig = RedirectorConfig["fileMirrors"][number];

/**
 * Reads the JSON text of a configuration. Returns the configuration with its defaults, or every error found, each naming the
 * place in the value (`imageMirrors[1].url`), what stands there and what should. Never throws.
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

function baseUrlProblem(text: string): string | undefined {
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
