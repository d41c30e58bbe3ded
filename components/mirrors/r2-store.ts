import { R2Bucket } from "@pulumi/cloudflare/r2bucket.js";
import { R2CustomDomain } from "@pulumi/cloudflare/r2customDomain.js";
import * as pulumi from "@pulumi/pulumi";
import type { ImageStore, R2Settings } from "../stack/image-store-format.ts";

/**
 * A bucket at Cloudflare R2 that is an image mirror: its objects are public at a domain of its own, where nobody can list them ("Public buckets"). The
 * tokens of whoever writes there are an owner's to make (`artifacts r2-token`): as resources their values would be in the state
 * (docs/decisions/r2-tokens-by-an-owner.md).
 */
export class R2StoreResources extends pulumi.ComponentResource {
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
    this.parts = [bucket, domain];
    this.registerOutputs({ bucket: bucket.name });
  }
}
