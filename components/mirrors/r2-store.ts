import { createHash } from "node:crypto";
import { ApiToken } from "@pulumi/cloudflare/apiToken.js";
import { R2Bucket } from "@pulumi/cloudflare/r2bucket.js";
import { R2CustomDomain } from "@pulumi/cloudflare/r2customDomain.js";
import * as pulumi from "@pulumi/pulumi";
import type { ImageStore, R2Settings } from "../stack/image-store-format.ts";

/**
 * A bucket at Cloudflare R2 that is an image mirror: its objects are public at a domain of its own, where nobody can list them ("Public buckets"), and a
 * token reads, writes and lists them, and can do nothing else.
 *
 * The token is the user's that the provider's own token belongs to. Tokens of an account are a type of their own, whose behaviour is not measured
 * (local/providers/facts).
 */
export class R2StoreResources extends pulumi.ComponentResource {
  /** What the environment of whoever writes must have (`artifacts:imageStores`, `keys`). Secret. */
  public readonly keys: pulumi.Output<Readonly<Record<string, string>>>;
  /** All that the mirror consists of. */
  public readonly parts: readonly pulumi.CustomResource[];

  constructor(name: string, store: ImageStore & { readonly r2: R2Settings }, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:mirror:R2Store", name, {}, opts);
    const { account: accountId, zone: zoneId, location, jurisdiction } = store.r2;
    const bucket = new R2Bucket(
      name,
      {
        accountId,
        name: store.bucket,
        jurisdiction,
        storageClass: "Standard",
        ...(location !== undefined && { location }),
      },
      // It stays when its store leaves the config: R2 refuses to delete a bucket with objects.
      { parent: this, retainOnDelete: true },
    );
    const domain = new R2CustomDomain(
      `${name}-domain`,
      {
        accountId,
        bucketName: store.bucket,
        jurisdiction,
        zoneId,
        domain: new URL(store.url).host,
        enabled: true,
        minTls: "1.2",
      },
      // A domain is of one bucket at a time: R2 answers 409.
      { parent: this, dependsOn: bucket, deleteBeforeReplace: true },
    );
    const token = new ApiToken(
      `${name}-token`,
      {
        name: `artifacts: objects of ${store.bucket}`,
        policies: [
          {
            effect: "allow",
            permissionGroups: [{ id: bucketItemWrite }],
            resources: JSON.stringify({
              [`com.cloudflare.edge.r2.bucket.${accountId}_${jurisdiction}_${store.bucket}`]: "*",
            }),
          },
        ],
      },
      { parent: this, dependsOn: bucket },
    );
    this.keys = pulumi.secret(
      pulumi.all([token.id, token.value]).apply(([id, value]: [string, string | undefined]) => ({
        [`${store.keys}_ACCESS_KEY_ID`]: id,
        // Cloudflare tells the value once, to whoever creates the token.
        [`${store.keys}_SECRET_ACCESS_KEY`]: value ? createHash("sha256").update(value).digest("hex") : "",
      })),
    );
    this.parts = [bucket, domain, token];
    this.registerOutputs({ bucket: bucket.name });
  }
}

/**
 * The permission group "Workers R2 Storage Bucket Item Write": "Can read, write, and list objects in buckets" (R2, "Authentication", which also says that
 * the access key's id is the token's, and its secret the SHA-256 of the token's value). Groups have the same id in every account.
 */
const bucketItemWrite = "2efd5506f9c8494dacb1fa10a3e7d5b6";
