import { createHash } from "node:crypto";

/** A name in both registries: repository below each, and tag or digest. */
export interface ComparedName {
  readonly repository: string;
  /** A tag, or a digest of what has none. */
  readonly reference: string;
  /** The digest that the manifests say. */
  readonly digest: string;
}

/** What differs at a name. */
export interface RegistryDifference {
  readonly name: string;
  /** `lost`: the first has it, the second not; `gained`: the other way; `moved`: another digest; `absent`: neither has it. */
  readonly what: "lost" | "gained" | "moved" | "absent";
  /** What the manifests say, what the first has and what the second has; undefined: nothing. */
  readonly digest: string;
  readonly first: string | undefined;
  readonly second: string | undefined;
}

/** The digest of a name in a registry; undefined if it is not there. */
export type LookUp = (name: ComparedName) => Promise<string | undefined>;

/** What a comparison found, in order of names. */
export interface RegistryComparison {
  readonly compared: number;
  readonly differences: readonly RegistryDifference[];
  /** Names that could not be asked for, with the reason. */
  readonly unreadable: readonly string[];
}

/** Compares what clients get from two registries by the same names. */
export async function compareRegistries(
  names: readonly ComparedName[],
  first: LookUp,
  second: LookUp,
  limit: <Result>(work: () => Promise<Result>) => Promise<Result>,
): Promise<RegistryComparison> {
  const differences: RegistryDifference[] = [];
  const unreadable: string[] = [];
  await Promise.all(
    names.map((asked) =>
      limit(async () => {
        const name = nameOf(asked);
        try {
          const [one, other] = await Promise.all([first(asked), second(asked)]);
          if (one === other && one !== undefined) return;
          const what =
            one === undefined ? (other === undefined ? "absent" : "gained") : other === undefined ? "lost" : "moved";
          differences.push({ name, what, digest: asked.digest, first: one, second: other });
        } catch (error) {
          unreadable.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }),
    ),
  );
  return {
    compared: names.length,
    differences: differences.sort((a, b) => (a.name < b.name ? -1 : 1)),
    unreadable: unreadable.sort(),
  };
}

/** So many of the names, spread over all by their SHA-256: the same for the same names. */
export function sampleOf(names: readonly ComparedName[], count: number): ComparedName[] {
  const hashed = names.map((name) => ({ name, hash: createHash("sha256").update(nameOf(name)).digest("hex") }));
  return hashed
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name);
}

/** `repository:tag` or `repository@digest`. */
function nameOf({ repository, reference }: ComparedName): string {
  return `${repository}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`;
}
