/** What the state and its key are called by default. */
export interface StateNames {
  readonly bucket: string;
  /** Full name of the key in Cloud KMS. */
  readonly key: string;
}

/**
 * The names that `bootstrap` gives the state's bucket and its key. The names of buckets are unique in the whole world, so a state in a seed project
 * has another one: it can be moved there while the old one stays.
 * @param place.seed the seed project; undefined: they are in production's.
 * @param place.location of the key ring.
 */
export function stateNames({
  organization,
  project,
  seed,
  location = "us",
}: {
  readonly organization: string;
  readonly project: string;
  readonly seed: string | undefined;
  readonly location?: string;
}): StateNames {
  return {
    bucket: `${organization}-artifacts-${seed === undefined ? "" : "seed-"}state`,
    key: `projects/${seed ?? project}/locations/${location}/keyRings/artifacts/cryptoKeys/state`,
  };
}
