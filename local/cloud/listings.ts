/** The clouds' list APIs, by which a program finds resources whose ids the clouds assign. */
import type { CloudInventory, Resource } from "./inventory.ts";
import { text } from "./values.ts";

/**
 * Answers a GET below `/apis/`: `/apis/monitoring/` stands for https://monitoring.googleapis.com/ (v3 of most lists, v1 of dashboards;
 * `pageSize`, `pageToken`), `/apis/billingbudgets/v1/` for https://billingbudgets.googleapis.com/v1/, `/apis/cloudflare/client/v4/` for Cloudflare's API
 * (`per_page`, `page`). Undefined for any other path.
 */
export function listing(inventory: CloudInventory, url: URL): object | undefined {
  const [, collection] = /^\/apis\/monitoring\/v[13]\/projects\/[^/]+\/(\w+)$/.exec(url.pathname) ?? [];
  if (collection !== undefined && Object.hasOwn(collections, collection))
    return googlePage(collection, inventory.list(collections[collection]), url);
  const [, account] = /^\/apis\/billingbudgets\/v1\/billingAccounts\/([^/]+)\/budgets$/.exec(url.pathname) ?? [];
  if (account !== undefined) {
    const all = inventory.list("gcp:billing/budget:Budget");
    return googlePage(
      "budgets",
      all.filter(({ inputs }) => inputs["billingAccount"] === account),
      url,
    );
  }
  const [, zone] = /^\/apis\/cloudflare\/client\/v4\/zones\/(\w+)\/dns_records$/.exec(url.pathname) ?? [];
  if (zone === undefined) return undefined;
  const all = inventory.list("cloudflare:index/dnsRecord:DnsRecord").filter(({ inputs }) => inputs["zoneId"] === zone);
  const size = Number(url.searchParams.get("per_page") || 100);
  const page = Number(url.searchParams.get("page") || 1);
  return {
    success: true,
    result: all
      .slice((page - 1) * size, page * size)
      .map(({ id, inputs }) => ({ id, name: text(inputs, "name"), comment: inputs["comment"] })),
    result_info: { page, per_page: size, total_count: all.length, total_pages: Math.ceil(all.length / size) },
  };
}

/** A page of a list in Google's form (`pageSize`, `pageToken`). */
function googlePage(collection: string, resources: readonly Resource[], url: URL): object {
  const all = resources.map((resource) => ({ name: resource.id, displayName: displayName(resource) }));
  const from = Number(url.searchParams.get("pageToken") || 0);
  const to = from + Number(url.searchParams.get("pageSize") || 100);
  return { [collection]: all.slice(from, to), ...(to < all.length && { nextPageToken: String(to) }) };
}

/** The objective that a path of Monitoring's API names (v3, projects.services.serviceLevelObjectives), by the project's id or number. */
export function objectiveAt(inventory: CloudInventory, url: URL): Resource | undefined {
  const [, name] =
    /^\/apis\/monitoring\/v3\/projects\/[^/]+\/(services\/[^/]+\/serviceLevelObjectives\/[^/]+)$/.exec(url.pathname) ??
    [];
  if (name === undefined) return undefined;
  return inventory.list("gcp:monitoring/slo:Slo").find(({ id }) => id.endsWith(`/${name}`));
}

/** The domain of a bucket at R2 that a path of Cloudflare's API names (v4, "Delete Custom Domain"). */
export function r2DomainAt(inventory: CloudInventory, url: URL): Resource | undefined {
  const [, account, bucket, domain] =
    /^\/apis\/cloudflare\/client\/v4\/accounts\/(\w+)\/r2\/buckets\/([^/]+)\/domains\/custom\/([^/]+)$/.exec(
      url.pathname,
    ) ?? [];
  return inventory
    .list("cloudflare:index/r2CustomDomain:R2CustomDomain")
    .find(
      ({ inputs }) => inputs["accountId"] === account && inputs["bucketName"] === bucket && inputs["domain"] === domain,
    );
}

const collections: Readonly<Record<string, string>> = {
  alertPolicies: "gcp:monitoring/alertPolicy:AlertPolicy",
  dashboards: "gcp:monitoring/dashboard:Dashboard",
  notificationChannels: "gcp:monitoring/notificationChannel:NotificationChannel",
  uptimeCheckConfigs: "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig",
};

/** The display name. A dashboard's is in its JSON document. */
function displayName({ inputs }: Resource): unknown {
  const document = inputs["dashboardJson"];
  return typeof document === "string"
    ? (JSON.parse(document) as { displayName?: string }).displayName
    : inputs["displayName"];
}
