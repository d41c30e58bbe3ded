/** URL of a staging repository, from its name in image references. */

/** One image repository of a registry. */
export interface StagingRepository {
  /** Base URL of its API, e.g. `http://127.0.0.1:5001/v2/project/images/dotslash/dotslash`. */
  readonly url: string;
  /** Its name in image references, e.g. `127.0.0.1:5001/project/images/dotslash/dotslash`. */
  readonly name: string;
}

/** The repository of an image below a `registryUri`. Plain HTTP on a loopback address, as in Docker. */
export function stagingRepository(registryUri: string, image: string): StagingRepository {
  const name = `${registryUri}/${image}`;
  const slash = name.indexOf("/");
  const host = name.slice(0, slash);
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
  return { url: `${loopback ? "http" : "https"}://${host}/v2/${name.slice(slash + 1)}`, name };
}
