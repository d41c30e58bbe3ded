import { isIP } from "node:net";
import { causeOf } from "../http/errors.ts";
import { Denied } from "./bucket.ts";

/** Returns the value of an `Authorization` header; `fresh`: the last one was refused. */
export type RequestAuthorization = (fresh: boolean) => Promise<string | undefined>;

const noCredentials: RequestAuthorization = async () => undefined;

/** {@link googleCredentials} for an API of Google at this address; none on a loopback address, where an emulation answers. */
export function googleCredentialsFor({ hostname }: URL, scope: string): RequestAuthorization {
  return isLoopback(hostname) ? noCredentials : googleCredentials(scope);
}

/** Application Default Credentials, loaded at the first request. @param scope the last part of its name, e.g. `devstorage.read_write`. */
function googleCredentials(scope: string): RequestAuthorization {
  let auth: Promise<import("google-auth-library").GoogleAuth> | undefined;
  return async (fresh) => {
    if (auth === undefined || fresh) {
      auth = import("google-auth-library").then(
        ({ GoogleAuth }) => new GoogleAuth({ scopes: `https://www.googleapis.com/auth/${scope}` }),
      );
    }
    try {
      return `Bearer ${await (await auth).getAccessToken()}`;
    } catch (error) {
      auth = undefined;
      throw new Denied(`no Google credentials (gcloud auth application-default login): ${causeOf(error)}`, {
        cause: error,
      });
    }
  };
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}
