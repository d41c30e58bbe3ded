/** Where a repository answers, from the name that clients use for it. */

/** One image repository of a registry. */
export interface StagingRepository {
  /** Base of its API, e.g. `http://127.0.0.1:5001/v2/project/images/dotslash/dotslash`. */
  readonly url: string;
  /** As in an image reference, e.g. `127.0.0.1:5001/project/images/dotslash/dotslash`. */
  readonly name: string;
}

/** The repository of an image below a `registryUri`. Plain http on a loopback address, as Docker has it. */
export function stagingRepository(registryUri: string, image: string): StagingRepository {
  const name = `${registryUri}/${image}`;
  const slash = name.indexOf("/");
  const host = name.slice(0, slash);
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
  return { url: `${loopback ? "http" : "https"}://${host}/v2/${name.slice(slash + 1)}`, name };
}
