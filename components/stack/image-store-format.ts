import { z } from "zod";
import { regions } from "./geography.ts";

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
}

const text = (pattern: RegExp, must: string) => z.string({ error: must }).regex(pattern, must);
const names = new Set(regions.map(({ name }) => name));

/** `artifacts:imageStores`. */
export const imageStoresFormat = z
  .array(
    z.strictObject({
      name: text(
        /^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/,
        "must be lower-case letters, digits and dashes, 32 at most",
      ).refine((name) => !names.has(name), "must not be the name of a region"),
      bucket: text(/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/, "must be the name of a bucket"),
      endpoint: text(/^https?:\/\/[^\s/?#@]+$/, "must be the address of the store's API, without a path"),
      region: text(/^[a-z0-9-]{1,40}$/, "must be the region that the store's signatures name").default("auto"),
      url: text(
        /^https?:\/\/[^\s?#@]+[^\s?#@/]$/,
        "must be the public address of the bucket, without a slash at the end",
      ),
      keys: text(
        /^[A-Z][A-Z0-9_]{0,40}$/,
        "must begin the names of environment variables: upper-case letters, digits, _",
      ),
      lock: z
        .int("must be a whole number of days")
        .min(1, "must be 1 to 3650 days")
        .max(3650, "must be 1 to 3650 days")
        .optional(),
      costClass: z.int("must be a whole number").min(0, "must be 0 to 9").max(9, "must be 0 to 9").default(0),
      near: z.string().refine((name) => names.has(name), "must be the name of a region of Google Cloud or AWS"),
    }),
    "must be a list of object stores",
  )
  .superRefine((stores, context) => {
    stores.forEach(({ name }, index) => {
      if (stores.findIndex((other) => other.name === name) < index)
        context.addIssue({ code: "custom", path: [index, "name"], message: "is used twice" });
    });
  })
  .default([]);
