/** Where a request of Cloudflare's API v4 goes, and with what. */
export interface CloudflareCall {
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A call of Cloudflare's API v4 with CLOUDFLARE_API_TOKEN, as the provider makes it.
 * @param endpoint the provider's setting `cloudflare:baseUrl`; undefined: Cloudflare's endpoint.
 * @param path below the endpoint, without a slash at its beginning.
 */
export function cloudflareCall(endpoint: string | undefined, path: string): CloudflareCall {
  const token = process.env["CLOUDFLARE_API_TOKEN"];
  return {
    address: cloudflareAddress(endpoint, path),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  };
}

/** The address of a call, see {@link cloudflareCall}. */
export function cloudflareAddress(endpoint: string | undefined, path: string): string {
  const base = (endpoint ?? "https://api.cloudflare.com/client/v4").replace(/\/$/, "");
  return `${base}/${path}`;
}
