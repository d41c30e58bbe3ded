import { type CloudflareCall, cloudflareCall } from "../stack/cloudflare-call.ts";
import { googleHeaders } from "../stack/google-headers.ts";

/** Finds ids that the clouds assign, which cannot be derived from names. Used by adoption only. */
export interface Existing {
  /** Full name of the resource of Cloud Monitoring (`alertPolicies`, ...) with this display name; undefined if there is none. */
  monitoring(collection: string, displayName: string): Promise<string | undefined>;
  /** Full name of this host's dashboard. */
  dashboard(): Promise<string | undefined>;
  /** Deletes an objective of Cloud Monitoring if it is there: a definition, which holds no data and cannot be imported. */
  removeObjective(service: string, objective: string): Promise<void>;
  /** Takes a domain off a bucket at Cloudflare R2, if it is there. */
  removeR2Domain(account: string, bucket: string, jurisdiction: string, domain: string): Promise<void>;
  /** Full name of the billing account's budget with this display name. */
  budget(billingAccount: string, displayName: string): Promise<string | undefined>;
  /** `<zone>/<record>` of the DNS record with this comment. */
  dnsRecord(zoneId: string, comment: string): Promise<string | undefined>;
}

export interface ExistingSettings {
  readonly project: string;
  readonly host: string;
  /** The provider's setting `gcp:monitoringCustomEndpoint`; undefined: Google's endpoint. */
  readonly monitoringEndpoint: string | undefined;
  /** The provider's setting `gcp:billingCustomEndpoint`; undefined: Google's endpoint. */
  readonly billingEndpoint: string | undefined;
  /** The provider's setting `cloudflare:baseUrl`; undefined: Cloudflare's endpoint. */
  readonly cloudflareEndpoint: string | undefined;
}

/**
 * Reads the lists of Cloud Monitoring (API v3; dashboards v1), of budgets (Cloud Billing Budget API v1) and of Cloudflare (API v4, with CLOUDFLARE_API_TOKEN).
 * Each list is read once. Throws an error with the URL when a list cannot be read, or when two resources have the
 * same name.
 */
export function existingThings(settings: ExistingSettings): Existing {
  const lists = new Map<string, Promise<readonly Named[]>>();
  const find = async (address: string, read: () => Promise<readonly Named[]>, name: string) => {
    const list = lists.get(address) ?? read();
    lists.set(address, list);
    const [found, another] = (await list).filter((thing) => thing.name === name);
    if (another !== undefined)
      throw new Error(`${address} has more than one "${name}": delete those that this program did not create`);
    return found?.id;
  };
  const google = (version: string, collection: string, name: string) => {
    const address = monitoringAddress(settings, `${version}/projects/${settings.project}/${collection}`);
    const scope = "https://www.googleapis.com/auth/monitoring.read";
    return find(address, () => readGoogle(address, collection, settings, scope), name);
  };
  return {
    monitoring: (collection, displayName) => google("v3", collection, displayName),
    dashboard: () => google("v1", "dashboards", settings.host),
    removeObjective: async (service, objective) => {
      const name = `projects/${settings.project}/services/${service}/serviceLevelObjectives/${objective}`;
      const address = monitoringAddress(settings, `v3/${name}`);
      const headers = await credentials(settings, "https://www.googleapis.com/auth/monitoring");
      await remove(address, headers);
    },
    removeR2Domain: async (account, bucket, jurisdiction, domain) => {
      const path = `accounts/${account}/r2/buckets/${bucket}/domains/custom/${domain}`;
      const { address, headers } = cloudflareCall(settings.cloudflareEndpoint, path);
      const place = { "cf-r2-jurisdiction": jurisdiction }; // R2's API: "Delete Custom Domain"
      await remove(address, { ...headers, ...place });
    },
    budget: (billingAccount, displayName) => {
      const base = settings.billingEndpoint ?? "https://billingbudgets.googleapis.com/v1/";
      const address = new URL(`billingAccounts/${billingAccount}/budgets`, base).href;
      const scope = "https://www.googleapis.com/auth/cloud-billing";
      return find(address, () => readGoogle(address, "budgets", settings, scope), displayName);
    },
    dnsRecord: (zoneId, comment) => {
      const call = cloudflareCall(settings.cloudflareEndpoint, `zones/${zoneId}/dns_records`);
      return find(call.address, () => readCloudflare(call, zoneId), comment);
    },
  };
}

interface Named {
  readonly name: string;
  readonly id: string;
}

/** Page by page (Google API design guide, "List pagination"). Of budgets a page holds 100 at most, of the others 500 and more. */
async function readGoogle(
  address: string,
  collection: string,
  settings: ExistingSettings,
  scope: string,
): Promise<readonly Named[]> {
  const headers = await credentials(settings, scope);
  const things: Named[] = [];
  let token = "";
  do {
    const page = await readJson(`${address}?pageSize=100&pageToken=${encodeURIComponent(token)}`, headers);
    for (const thing of list(page[collection])) {
      // Google names things by the project's number. An import by that number replaces the thing: `project` is read from the id.
      const id = String(thing["name"] ?? "").replace(/^projects\/[^/]+\//, `projects/${settings.project}/`);
      things.push({ name: String(thing["displayName"] ?? ""), id });
    }
    token = String(page["nextPageToken"] ?? "");
  } while (token !== "");
  return things;
}

/** Page by page (Cloudflare API v4, "List DNS Records"). */
async function readCloudflare({ address, headers }: CloudflareCall, zoneId: string): Promise<readonly Named[]> {
  const things: Named[] = [];
  for (let page = 1, pages = 1; page <= pages; page++) {
    const answer = await readJson(`${address}?per_page=100&page=${page}`, headers);
    for (const record of list(answer["result"])) {
      things.push({ name: String(record["comment"] ?? ""), id: `${zoneId}/${String(record["id"] ?? "")}` });
    }
    pages = Number((answer["result_info"] as Json | undefined)?.["total_pages"] ?? 1);
  }
  return things;
}

type Json = Readonly<Record<string, unknown>>;

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function monitoringAddress(settings: ExistingSettings, path: string): string {
  return new URL(path, settings.monitoringEndpoint ?? "https://monitoring.googleapis.com/").href;
}

/** Credentials of whoever runs the command; none for an emulated cloud. */
async function credentials(settings: ExistingSettings, scope: string): Promise<Readonly<Record<string, string>>> {
  return settings.monitoringEndpoint === undefined ? await googleHeaders(settings.project, scope) : {};
}

async function remove(address: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await request(address, { method: "DELETE", headers });
  if (!response.ok && response.status !== 404) throw await unexpected(address, response);
}

async function readJson(address: string, headers: Readonly<Record<string, string>>): Promise<Json> {
  const response = await request(address, { headers });
  if (!response.ok) throw await unexpected(address, response);
  return (await response.json()) as Json;
}

function request(address: string, init: RequestInit): Promise<Response> {
  return fetch(address, { ...init, signal: AbortSignal.timeout(30_000) }).catch((error: unknown) => {
    throw new Error(`no response from ${address}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  });
}

async function unexpected(address: string, response: Response): Promise<Error> {
  return new Error(`unexpected response from ${address}: ${response.status} ${(await response.text()).slice(0, 200)}`);
}
