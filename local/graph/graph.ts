/** A resource of a recorded graph. */
export interface GraphResource {
  /** The types of the components that it belongs to and its own, and its name: what the engine knows it by. */
  readonly urn: string;
  /** What it was known by before, by its aliases. */
  readonly formerUrns: readonly string[];
  /** `gcp:storage/bucket:Bucket`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly protect: boolean;
}

/** What a program declares for a stack: its resources, without components; or why it fails. As a file it is JSON, and data that nobody trusts. */
export type Graph =
  | { readonly resources: readonly GraphResource[]; readonly failure?: never }
  | { readonly resources?: never; readonly failure: string };

/** Larger files are refused: the largest organisation's is a tenth of it. */
const maximalBytes = 32 * 1024 * 1024;

/**
 * Reads a recorded graph. Of a pull request, anybody may have written it.
 * @throws Error if it is too large, or not of the form.
 */
export function readGraph(json: Buffer): Graph {
  if (json.length > maximalBytes)
    throw new Error(`the recorded graph has ${json.length} bytes, more than ${maximalBytes}`);
  const read = JSON.parse(json.toString("utf8")) as unknown;
  if (!isRecord(read)) throw new Error("a recorded graph is an object");
  if (typeof read["failure"] === "string") return { failure: read["failure"] };
  const { resources } = read;
  if (!Array.isArray(resources)) throw new Error("a recorded graph has a list of resources");
  return {
    resources: resources.map((resource: unknown, index) => {
      if (!isRecord(resource)) throw new Error(`resource ${index} is no object`);
      const { urn, formerUrns = [], type, name, inputs, protect } = resource;
      if (typeof urn !== "string" || typeof type !== "string" || typeof name !== "string" || !isRecord(inputs))
        throw new Error(`resource ${index} lacks urn, type, name or inputs`);
      if (!Array.isArray(formerUrns) || !formerUrns.every((one) => typeof one === "string"))
        throw new Error(`resource ${index}: formerUrns is no list of strings`);
      return { urn, formerUrns, type, name, inputs, protect: protect === true };
    }),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
