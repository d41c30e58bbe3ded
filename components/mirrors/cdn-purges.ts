import type { CdnPurge, StorageSettings } from "../promotion/run/request.ts";
import type { CdnPurgeSetting } from "../stack/cdn-purge-format.ts";
import { cloudflareAddress } from "../stack/cloudflare-call.ts";
import type { StackConfig } from "../stack/config.ts";
import { type BucketNaming, fileBucketName } from "./mirror-names.ts";

/** What of a stack's config its CDNs depend on. */
type Args = BucketNaming &
  Pick<
    StackConfig,
    | "project"
    | "gcpRegions"
    | "awsRegions"
    | "imageStores"
    | "publicUrls"
    | "cdnPurge"
    | "storage"
    | "cloudflareEndpoint"
    | "computeEndpoint"
  >;

/** The stores as promotions use them: with the CDNs from which they purge what they replace and remove. */
export function storageSettings(config: Args): StorageSettings {
  const purges: CdnPurge[] = [];
  for (const region of [...config.gcpRegions, ...config.awsRegions]) {
    const [url, setting] = [config.publicUrls[region.name], config.cdnPurge[region.name]];
    if (url === undefined || setting === undefined) continue;
    const kind = region.cloud === "gcp" ? "gcs" : "s3";
    const bucket = fileBucketName(config, region);
    purges.push({ kind, bucket, region: region.name, url, ...apiOf(setting, config) });
  }
  for (const { name, bucket, region, endpoint, keys, url } of config.imageStores) {
    const setting = config.cdnPurge[name];
    if (setting) purges.push({ kind: "s3", bucket, region, endpoint, keys, url, ...apiOf(setting, config) });
  }
  return purges.length === 0 ? config.storage : { ...config.storage, purges };
}

function apiOf(setting: CdnPurgeSetting, config: Args): Pick<CdnPurge, "by" | "api" | "token"> {
  const { by } = setting;
  switch (by) {
    case "cloudflare": {
      const api = cloudflareAddress(config.cloudflareEndpoint, `zones/${setting.zoneId}/purge_cache`);
      return { by, api, token: setting.token };
    }
    case "google": {
      const { urlMap, project = config.project } = setting;
      const base = (config.computeEndpoint ?? "https://compute.googleapis.com/compute/v1/").replace(/\/$/, "");
      return { by, api: `${base}/projects/${project}/global/urlMaps/${urlMap}/invalidateCache` };
    }
    case "http":
      return setting.token === undefined ? { by } : { by, token: setting.token };
  }
}
