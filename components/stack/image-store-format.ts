import { z } from "zod";
import { clientUrlFormat } from "./client-url-format.ts";
import { findRegion, regions } from "./geography.ts";

/** An object store outside of the stack's clouds that is an image mirror: Cloudflare R2, MinIO, Ceph, any with S3's interface. */
export interface ImageStore {
  readonly name: string;
  readonly bucket: string;
  /** Its API, where promotions write. */
  readonly endpoint: string;
  /** What its signatures name as the region. */
  readonly region: string;
  /** Where clients read it, without a slash at the end: the bucket's public address, or a CDN in front of it. */
  readonly url: string;
  /** The keys are in the environment: `<keys>_ACCESS_KEY_ID`, `<keys>_SECRET_ACCESS_KEY`. */
  readonly keys: string;
  /** The region of a cloud that it is near to, for the choice of the nearest mirror. */
  readonly near: string;
  /** Days for which the bucket must let nobody remove what was written (S3 Object Lock); undefined: it need not. */
  readonly lock?: number | undefined;
  /** How much a byte from it costs, in order (redirector/config.ts). */
  readonly costClass: number;
  /** How this program makes it at Cloudflare; undefined: it is there. */
  readonly r2?: R2Settings | undefined;
}

/** A bucket that this program makes at Cloudflare R2. */
export interface R2Settings {
  /** Cloudflare's id of the account. */
  readonly account: string;
  /** Cloudflare's id of the zone that the host of the store's URL is in. */
  readonly zone: string;
  /** Where R2 is to keep it, a hint at creation; undefined: near to whoever creates it. */
  readonly location?: string | undefined;
  /** Where R2 has to keep it. */
  readonly jurisdiction: "default" | "eu" | "fedramp";
}

const text = (pattern: RegExp, must: string) => z.string({ error: must }).regex(pattern, must);
const names = new Set(regions.map(({ name }) => name));
const isTaken = (name: string): boolean => names.has(name) || findRegion("gcp", name) !== undefined;

const mustBeKeys = "must begin the names of environment variables: upper-case letters, digits, _";

const mustBeEndpoint = "must be the address of the store's API, without a path";

/** "Location Hints" of R2's documentation. */
const r2Locations = ["wnam", "enam", "weur", "eeur", "apac", "oc"] as const;

const cloudflareId = (what: string) =>
  text(/^[0-9a-f]{32}$/, `must be the id of the ${what} at Cloudflare: 32 hexadecimal digits`).optional();

/** What only a store of kind r2 has. */
const r2Keys = ["account", "zone", "location"] as const;

const imageStoreFormat = z
  .strictObject({
    kind: z.enum(["s3", "r2"], "must be s3 (a bucket that is there) or r2 (one that this program makes)").default("s3"),
    name: text(/^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/, "must be lower-case letters, digits and dashes, 32 at most").refine(
      (name) => !isTaken(name) && !isTaken(name.replace(/^(s3|gcs)-/, "")),
      "must not be the name of a region or of its bucket",
    ),
    bucket: text(/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/, "must be the name of a bucket"),
    endpoint: text(/^https?:\/\/[^\s/?#@]+$/, mustBeEndpoint).optional(),
    region: text(/^[a-z0-9-]{1,40}$/, "must be the region that the store's signatures name").default("auto"),
    url: clientUrlFormat,
    keys: text(/^[A-Z][A-Z0-9_]{0,40}$/, mustBeKeys).optional(),
    lock: z
      .int("must be a whole number of days")
      .min(1, "must be 1 to 3650 days")
      .max(3650, "must be 1 to 3650 days")
      .optional(),
    costClass: z.int("must be a whole number").min(0, "must be 0 to 9").max(9, "must be 0 to 9").default(0),
    near: z.string().refine((name) => names.has(name), "must be the name of a region of Google Cloud or AWS"),
    account: cloudflareId("account"),
    zone: cloudflareId("zone"),
    location: z.enum(r2Locations, `must be one of ${r2Locations.join(", ")}`).optional(),
    jurisdiction: z.enum(["default", "eu", "fedramp"], "must be eu or fedramp").default("default"),
  })
  .superRefine((store, context) => {
    const problem = (key: keyof typeof store, message: string) =>
      context.addIssue({ code: "custom", path: [key], message });
    if (store.kind === "s3") {
      if (store.endpoint === undefined) problem("endpoint", mustBeEndpoint);
      if (store.keys === undefined) problem("keys", mustBeKeys);
      for (const key of r2Keys)
        if (store[key] !== undefined) problem(key, "must not be set: the store is not of kind r2");
      if (store.jurisdiction !== "default") problem("jurisdiction", "must not be set: the store is not of kind r2");
      return;
    }
    for (const key of ["account", "zone"] as const)
      if (store[key] === undefined) problem(key, `must be the id of the ${key} at Cloudflare: 32 hexadecimal digits`);
    if (!/^https:\/\/[a-z0-9.-]+$/.test(store.url))
      problem("url", "must be https:// and a host of the zone, without a path: it is made the bucket's domain");
    if (store.keys?.endsWith("_READ") === true)
      problem("keys", "must not end with _READ: the secrets of the token that only reads are named so");
    if (store.lock !== undefined) problem("lock", "must not be set: R2 keeps no versions (docs/config.md)");
  })
  .transform(({ kind, account = "", zone = "", location, jurisdiction, ...store }): ImageStore => {
    const { endpoint = r2Endpoint(account, jurisdiction), keys = "R2" } = store;
    return { ...store, endpoint, keys, ...(kind === "r2" && { r2: { account, zone, location, jurisdiction } }) };
  });

/** "Authentication" of R2's documentation: a bucket in a jurisdiction answers at the jurisdiction's endpoint alone. */
function r2Endpoint(account: string, jurisdiction: R2Settings["jurisdiction"]): string {
  return `https://${account}${jurisdiction === "default" ? "" : `.${jurisdiction}`}.r2.cloudflarestorage.com`;
}

/** `artifacts:imageStores`. */
export const imageStoresFormat = z
  .array(imageStoreFormat, "must be a list of object stores")
  .superRefine((stores, context) => {
    stores.forEach(({ name }, index) => {
      if (stores.findIndex((other) => other.name === name) < index)
        context.addIssue({ code: "custom", path: [index, "name"], message: "is used twice" });
    });
    // A token is for one bucket: the secrets of a second one would take the place of the first one's.
    const made = stores.filter(({ r2 }) => r2 !== undefined);
    stores.forEach((store, index) => {
      const others = stores.slice(0, index).filter((other) => made.includes(other) || made.includes(store));
      const message = "is another store's: each bucket at R2 has a token, so keys, of its own";
      if (others.some(({ keys }) => keys === store.keys))
        context.addIssue({ code: "custom", path: [index, "keys"], message });
    });
  })
  .default([]);
