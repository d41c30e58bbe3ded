/** The properties of one resource: JSON values, and {@link unknown} where a preview does not know a value yet. */
export type Properties = Record<string, unknown>;

/** Stands for a value that only a real run will know (the engine's sentinel for an unknown string). */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The names of the top-level properties whose JSON differs, sorted. */
export function compareInputs(olds: Properties, news: Properties): string[] {
  const names = [...new Set([...Object.keys(olds), ...Object.keys(news)])].sort();
  // Most are equal texts, some of them of a megabyte.
  return names.filter((name) => olds[name] !== news[name] && canonicalJson(olds[name]) !== canonicalJson(news[name]));
}

/** JSON with sorted keys: the order of keys in a Struct is not the writer's. */
export function canonicalJson(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
