import { googleHeaders } from "../../stack/google-headers.ts";
import { HttpClient } from "../http/client.ts";

const scope = "https://www.googleapis.com/auth/cloud-platform";

/**
 * What Certificate Manager says about a certificate: its managed part, or a refusal.
 * @internal exported for its tests.
 */
export type CertificateResponse = { readonly managed: unknown } | { readonly status: number; readonly message: string };

/**
 * Asks for a certificate.
 * @param certificate its full name.
 * @param endpoint base URL of the API, with its version; undefined: Google's.
 * @throws if there is no response.
 */
export type AskCertificate = (
  certificate: string,
  endpoint: string | undefined,
  signal: AbortSignal,
) => Promise<CertificateResponse>;

/** Asks Certificate Manager's API, v1, with Application Default Credentials; without any at another endpoint than Google's. */
export function askCertificateManager(): AskCertificate {
  let client: HttpClient | undefined;
  return async (certificate, endpoint, signal) => {
    client ??= new HttpClient({ connectTimeout: 15_000, stallTimeout: 30_000 });
    const url = new URL(certificate, endpoint ?? "https://certificatemanager.googleapis.com/v1/");
    const headers = endpoint === undefined ? await googleHeaders(certificate.split("/")[1]!, scope) : {};
    const response = await client.stream(
      { origin: url.origin, path: url.pathname, method: "GET", headers, responseTimeout: 30_000, attempt: 1 },
      signal,
    );
    const parts: Buffer[] = [];
    for await (const part of response.body as AsyncIterable<Buffer>) parts.push(part);
    const text = Buffer.concat(parts).toString("utf8");
    if (response.status !== 200) return { status: response.status, message: messageIn(text) };
    return { managed: (JSON.parse(text) as { managed?: unknown }).managed };
  };
}

function messageIn(text: string): string {
  try {
    return String((JSON.parse(text) as { error?: { message?: unknown } }).error?.message ?? text.slice(0, 300));
  } catch {
    return text.slice(0, 300);
  }
}
