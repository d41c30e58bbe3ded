/** `node local/graph/compare.ts --base FILE --head FILE`: prints what differs between two recorded graphs, as JSON. */
import { lstat, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { graphDifference } from "./difference.ts";
import { type Graph, readGraph } from "./graph.ts";

const { values } = parseArgs({ options: { base: { type: "string" }, head: { type: "string" } } });
const [base, head] = await Promise.all([values.base, values.head].map(read));
const failures = { base: base?.failure, head: head?.failure };
const difference =
  base?.resources === undefined || head?.resources === undefined
    ? undefined
    : await graphDifference(base.resources, head.resources);
process.stdout.write(JSON.stringify({ failures, difference }));

/** A record; one that is missing or malformed is a failure, as that of a program. */
async function read(path: string | undefined): Promise<Graph> {
  if (path === undefined) throw new Error("--base and --head are required");
  try {
    if (!(await lstat(path)).isFile()) return { failure: `${path} is no file` };
    return readGraph(await readFile(path));
  } catch (error) {
    return { failure: `there is no record that can be read: ${(error as Error).message}` };
  }
}
