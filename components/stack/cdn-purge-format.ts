import { z } from "zod";

const variable = z
  .string({ error: "must be the name of an environment variable" })
  .regex(/^[A-Z][A-Z0-9_]{0,60}$/, "must be the name of an environment variable: upper-case letters, digits, _");

/** How a CDN in front of one bucket is purged: by an API, with a token from the environment. */
export type CdnPurgeSetting = z.output<typeof purge>;

const purge = z.discriminatedUnion(
  "by",
  [
    z.strictObject({
      by: z.literal("cloudflare"),
      zoneId: z
        .string({ error: "must be the id of the zone at Cloudflare" })
        .regex(/^[0-9a-f]{32}$/, "must be the id of the zone at Cloudflare: 32 hexadecimal digits"),
      token: variable,
    }),
    z.strictObject({
      by: z.literal("google"),
      urlMap: z
        .string({ error: "must be the name of the CDN's URL map" })
        .regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be the name of the CDN's URL map"),
      /** Undefined: the stack's. */
      project: z
        .string()
        .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "must be the id of a Google Cloud project")
        .optional(),
    }),
    z.strictObject({ by: z.literal("http"), token: variable.optional() }),
  ],
  "must be {by: cloudflare, zoneId, token}, {by: google, urlMap} or {by: http}",
);

/** `artifacts:cdnPurge`: by region or name of an image store. */
export const cdnPurgeFormat = z
  .record(z.string(), purge, "must be a map of region names and names of image stores to how their CDN is purged")
  .default({});
