import type { AuthClient } from "google-auth-library";

/**
 * Headers of a call of a Google API with Application Default Credentials. A person's login needs a project that the call is counted in: Cloud
 * Monitoring and Certificate Manager refuse it without (403). A service account's calls are counted in its own, and naming another one takes a
 * right that it may lack.
 * @param project the project to count a person's call in.
 * @param login whose call it is.
 */
export async function googleHeaders(
  project: string,
  scope: string,
  login?: AuthClient,
): Promise<Readonly<Record<string, string>>> {
  const { GoogleAuth, UserRefreshClient } = await import("google-auth-library");
  const client = login ?? (await new GoogleAuth({ scopes: [scope] }).getClient());
  const { token } = await client.getAccessToken();
  const person = client instanceof UserRefreshClient;
  return { authorization: `Bearer ${token}`, ...(person && { "x-goog-user-project": project }) };
}
