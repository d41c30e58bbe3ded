import { createHash } from "node:crypto";

/** Something that clients get by the same name from both places. */
export interface Compared {
  /** `repository:tag`, `repository@digest`, or the key of a file. */
  readonly name: string;
  /** The digest that the manifests say. */
  readonly digest: string;
}

/** What differs at a name. */
export interface LocationDifference extends Compared {
  /** `lost`: the first has it, the second not; `gained`: the other way; `moved`: another digest; `absent`: neither has it. */
  readonly what: "lost" | "gained" | "moved" | "absent";
  /** What the first has and what the second has; undefined: nothing. */
  readonly first: string | undefined;
  readonly second: string | undefined;
}

/** The digest of what a place has; undefined if it is not there. */
export type LookUp<Thing extends Compared> = (thing: Thing) => Promise<string | undefined>;

/** What a comparison found, in order of names. */
export interface LocationComparison {
  readonly compared: number;
  readonly differences: readonly LocationDifference[];
  /** Names that could not be asked for, with the reason. */
  readonly unreadable: readonly string[];
}

/** Compares what clients get from two places by the same names. */
export async function compareLocations<Thing extends Compared>(
  things: readonly Thing[],
  first: LookUp<Thing>,
  second: LookUp<Thing>,
  limit: <Result>(work: () => Promise<Result>) => Promise<Result>,
): Promise<LocationComparison> {
  const differences: LocationDifference[] = [];
  const unreadable: string[] = [];
  await Promise.all(
    things.map((thing) =>
      limit(async () => {
        const { name, digest } = thing;
        try {
          const [one, other] = await Promise.all([first(thing), second(thing)]);
          if (one === other && one !== undefined) return;
          const what =
            one === undefined ? (other === undefined ? "absent" : "gained") : other === undefined ? "lost" : "moved";
          differences.push({ name, what, digest, first: one, second: other });
        } catch (error) {
          unreadable.push(`${name}: ${reasonOf(error)}`);
        }
      }),
    ),
  );
  return {
    compared: things.length,
    differences: differences.sort((a, b) => (a.name < b.name ? -1 : 1)),
    unreadable: unreadable.sort(),
  };
}

/** So many of the things, spread over all by the SHA-256 of their names: the same for the same names. */
export function sampleOf<Thing extends Compared>(things: readonly Thing[], count: number): Thing[] {
  const hashed = things.map((thing) => ({ thing, hash: createHash("sha256").update(thing.name).digest("hex") }));
  return hashed
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .slice(0, count)
    .map(({ thing }) => thing);
}

/** Failures of fetch have their reason in their cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
