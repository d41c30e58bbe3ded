/**
 * What a failure says of a later attempt. `transient`: the same may succeed by itself. `denied`: it does as soon as somebody has granted it; a new grant takes
 * minutes to hold. `permanent`: it fails until somebody mends its cause, such as content that is nowhere, or is not what it should be.
 */
export type FailureKind = "transient" | "denied" | "permanent";

/** The kind of a failure: as the error says itself, of several together the most hopeful one. What says nothing is transient. */
export function failureKind(error: unknown): FailureKind {
  if (error instanceof AggregateError) return mostHopeful(error.errors.map(failureKind)) ?? "transient";
  const said = error instanceof Error && "failureKind" in error ? error.failureKind : undefined;
  return kinds.find((kind) => kind === said) ?? "transient";
}

/** What several failures together say; undefined: there is none. */
export function mostHopeful(found: Iterable<FailureKind | undefined>): FailureKind | undefined {
  const all = new Set(found);
  return kinds.find((kind) => all.has(kind));
}

/** The most hopeful first. */
const kinds: readonly FailureKind[] = ["transient", "denied", "permanent"];
