import { causeOf } from "../http/errors.ts";
import { Denied } from "./bucket.ts";

/** Returns the value of an `Authorization` header; `fresh`: the last one was refused. */
export type RequestAuthorization = (fresh: boolean) => Promise<string | undefined>;

/** Application Default Credentials, loaded at the first request. @param scope the last part of its name, e.g. `devstorage.read_write`. */
export function googleCredentials(scope: string): RequestAuthorization {
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
