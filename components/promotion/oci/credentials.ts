/** User name and password for a registry. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** The password is an OAuth access token, which the registry also accepts as a bearer token. */
  readonly isToken?: boolean;
}

/**
 * Finds the credentials for a host; undefined: send requests anonymously. Called again after credentials were refused
 * or have expired.
 */
export type CredentialSource = (host: string) => Promise<Credentials | undefined>;

/** Google's registries. A Google token is never sent to any other host. */
const googleHost = /^([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)$/;

/**
 * Application Default Credentials for Google's registries, anonymous access for every other host. The user name
 * `oauth2accesstoken` tells Artifact Registry that the password is an access token.
 */
export function applicationDefaultCredentials(): CredentialSource {
  let client: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | undefined;
  return async (host) => {
    if (!googleHost.test(host)) return undefined;
    client ??= import("google-auth-library").then(
      ({ GoogleAuth }) => new GoogleAuth({ scopes: ["https://www.googleapis.com/auth/cloud-platform"] }),
    );
    const token = await (await client).getAccessToken(); // cached and renewed by the library
    if (!token) throw new Error(`Application Default Credentials give no access token for ${host}`);
    return { username: "oauth2accesstoken", password: token, isToken: true };
  };
}
