/** Finds ids that the clouds assign, which cannot be derived from names. Used by adoption only. */
export interface Existing {
  /** Full name of the resource of Cloud Monitoring (`alertPolicies`, ...) with this display name; undefined if there is none. */
  monitoring(collection: string, displayName: string): Promise<string | undefined>;
  /** Full name of this host's dashboard. */
  dashboard(): Promise<string | undefined>;
  /** `<zone>/<record>` of the DNS record with this comment. */
  dnsRecord(zoneId: string, comment: string): Promise<string | undefined>;
}

export interface ExistingSettings {
  readonly project: string;
  readonly host: string;
  /** The provider's setting `gcp:monitoringCustomEndpoint`; undefined: Google's endpoint. */
  readonly monitoringEndpoint: string | undefined;
  /** The provider's setting `cloudflare:baseUrl`; undefined: Cloudflare's endpoint. */
  readonly cloudflareEndpoint: string | undefined;
}

/**
 * Reads the lists of Cloud Monitoring (API v3; dashboards v1) and of Cloudflare (API v4, with CLOUDFLARE_API_TOKEN).
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
    const base = settings.monitoringEndpoint ?? "https://monitoring.googleapis.com/";
    const address = new URL(`${version}/projects/${settings.project}/${collection}`, base).href;
    return find(address, () => readGoogle(address, collection, settings.monitoringEndpoint === undefined), name);
  };
  return {
    monitoring: (collection, displayName) => google("v3", collection, displayName),
    dashboard: () => google("v1", "dashboards", settings.host),
    dnsRecord: (zoneId, comment) => {
      const base = (settings.cloudflareEndpoint ?? "https://api.cloudflare.com/client/v4").replace(/\/$/, "");
      const address = `${base}/zones/${zoneId}/dns_records`;
      return find(address, () => readCloudflare(address, zoneId), comment);
    },
  };
}

interface Named {
  readonly name: string;
  readonly id: string;
}

/** Page by page (Google API design guide, "List pagination"). */
async function readGoogle(address: string, collection: string, authorize: boolean): Promise<readonly Named[]> {
  const headers: Record<string, string> = {};
  if (authorize) {
    const { GoogleAuth } = await import("google-auth-library");
    const auth = new GoogleAuth({ scopes: ["https://www.googleapis.com/auth/monitoring.read"] });
    headers["authorization"] = `Bearer ${await auth.getAccessToken()}`;
  }
  const things: Named[] = [];
  let token = "";
  do {
    const page = await readJson(`${address}?pageSize=500&pageToken=${encodeURIComponent(token)}`, headers);
    for (const thing of list(page[collection])) {
      things.push({ name: String(thing["displayName"] ?? ""), id: String(thing["name"] ?? "") });
    }
    token = String(page["nextPageToken"] ?? "");
  } while (token !== "");
  return things;
}

/** Page by page (Cloudflare API v4, "List DNS Records"). */
async function readCloudflare(address: string, zoneId: string): Promise<readonly Named[]> {
  const token = process.env["CLOUDFLARE_API_TOKEN"];
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
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

async function readJson(address: string, headers: Record<string, string>): Promise<Json> {
  const answer = await fetch(address, { headers, signal: AbortSignal.timeout(30_000) }).catch((error: unknown) => {
    throw new Error(`${address} can't be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  });
  if (!answer.ok) {
    throw new Error(`${address} can't be read: ${answer.status} ${(await answer.text()).slice(0, 200)}`);
  }
  return (await answer.json()) as Json;
}
