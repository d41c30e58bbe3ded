import { componentPattern } from "../text/oci-grammar.ts";

/** A repository in a registry: the address of its requests. */
export interface Repository {
  /** `host` or `host:port`. */
  readonly host: string;
  /** `https://host`, or `http://host` on a loopback address. */
  readonly origin: string;
  /** `<name>` of the distribution spec: path components joined by `/`. */
  readonly name: string;
}

const hostPattern = /^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?$/;
/** Google's project ids may be `domain.com:project`; in a registry path that colon is written as a slash, so no colon here. */
const longestName = 255;

/**
 * The repository `path` (an image's name, with its prefix) below a registry URI.
 * @param uri `<host>[:port]/<path>` as a registry's `registryUri` output gives it, without scheme.
 * @throws Error that quotes the value and says which part is wrong.
 */
export function repositoryAt(uri: string, ...path: readonly string[]): Repository {
  const slash = uri.indexOf("/");
  const host = slash < 0 ? uri : uri.slice(0, slash);
  if (!hostPattern.test(host)) {
    throw new Error(`"${uri}" is no registry URI: write <host>/<path>, e.g. us-central1-docker.pkg.dev/project/images`);
  }
  const name = [...(slash < 0 ? [] : [uri.slice(slash + 1)]), ...path].filter((part) => part !== "").join("/");
  const wrong = name.split("/").find((part) => !componentPattern.test(part));
  if (wrong !== undefined) {
    throw new Error(
      `"${name}" is no repository name: "${wrong}" must be lower-case letters and digits, separated by one of . _ __ -`,
    );
  }
  if (name.length > longestName) throw new Error(`repository name "${name}" is longer than ${longestName} characters`);
  return { host, origin: `${isLoopback(host) ? "http" : "https"}://${host}`, name };
}

/** A registry on this machine uses plain http, as in Docker. */
function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}
