/** Name and secret for a registry. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** The password is an OAuth access token, which the registry also takes as a bearer token itself. */
  readonly isToken?: boolean;
}

/** Finds the credentials for a host; undefined: ask anonymously. Called again when they were refused or are old. */
export type CredentialSource = (host: string) => Promise<Credentials | undefined>;

/** Google's registries; no other host is ever given a Google token. */
const googleHost = /^([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)$/;

/**
 * Google's registries by Application Default Credentials, every other host anonymously.
 * The user name `oauth2accesstoken` is Artifact Registry's word for "the password is an access token".
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
