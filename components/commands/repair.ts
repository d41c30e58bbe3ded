/** The repair of one mirror, of one project, of one kind. */
import { previewFiles, promoteFiles, takeFileInventory } from "../promotion/files/files.ts";
import { previewImages, promoteImages, takeImageInventory } from "../promotion/images/images.ts";
import { everyDigest } from "../promotion/run/deep-share.ts";
import { progressLine } from "../promotion/run/progress.ts";
import { RemovalRefused } from "../promotion/run/removal-guard.ts";
import type {
  Context,
  FilesRequest,
  ImagesRequest,
  InventoryRun,
  PreviewRun,
  PromoteRun,
} from "../promotion/run/request.ts";
import { unplacedOf } from "../promotion/run/unplaced-mirrors.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { splitLines } from "../promotion/text/split-lines.ts";
import { printDetail, printProgress } from "./output.ts";
import { linesInShard, type Shard } from "./shard.ts";

/** One kind of promotion, as a repair needs it. */
export interface Runs<Request> {
  readonly kind: "images" | "files";
  /** The request about the mirror alone, and the canonical one, with which the engine compares it. */
  alone(request: Request, mirror: string): Request;
  readonly takeInventory: InventoryRun<Request>;
  readonly preview: PreviewRun<Request>;
  readonly promote: PromoteRun<Request>;
}

/** Images. */
export const imagesRuns: Runs<ImagesRequest> = {
  kind: "images",
  alone: (request, mirror) => ({
    ...request,
    // What is attached to an image is known only by comparing mirrors.
    mirrors: request.mirrors.filter(({ name }, index) => index === 0 || name === mirror),
    layerMirrors: request.layerMirrors.filter(({ name }) => name === mirror),
    unplaced: request.unplaced?.filter(({ name }) => name === mirror),
    unplacedLayers: request.unplacedLayers?.filter(({ name }) => name === mirror),
  }),
  takeInventory: takeImageInventory,
  preview: previewImages,
  promote: promoteImages,
};

/** Files. */
export const filesRuns: Runs<FilesRequest> = {
  kind: "files",
  alone: (request, mirror) => ({
    ...request,
    mirrors: request.mirrors.filter(({ name }) => name === mirror),
    unplaced: request.unplaced?.filter(({ name }) => name === mirror),
  }),
  takeInventory: takeFileInventory,
  preview: previewFiles,
  promote: promoteFiles,
};

/** What a repair did in the mirror, or would do. */
export interface Repair {
  readonly project: string;
  readonly kind: "images" | "files";
  /** The mirror is not, or was not, what the manifest says. */
  readonly differs: boolean;
  /** What would be done, a line each; empty if it was done. */
  readonly steps: readonly string[];
  /** What was done, in a line. */
  readonly summary?: string;
  readonly warnings: readonly string[];
  readonly failures: readonly string[];
}

/** Takes an inventory of the mirror and repairs it, or says how. */
export async function repairMirror<Request extends ImagesRequest | FilesRequest>(
  mirror: string,
  { repair, isDeep }: { readonly repair: "do" | "say"; readonly isDeep: boolean },
  shard: Shard,
  request: Request,
  runs: Runs<Request>,
  signal: AbortSignal,
): Promise<Repair> {
  const { project } = request;
  const { kind } = runs;
  const context: Context = { signal, report: progressLine((line) => printProgress(`${project} ${kind}: ${line}`)) };
  const deep = isDeep ? everyDigest : undefined;
  printDetail(`${project} ${kind}: takes an inventory of ${mirror}`);
  const inventory = await runs.takeInventory(runs.alone(request, mirror), { ...context, deep });
  // What could be read is repaired all the same: the mirror may be the one that is left.
  const { failures } = inventory;
  const differs = linesInShard(shard, project, kind, inventory.incomplete[mirror] ?? "");
  const nothing = { project, kind, differs: differs !== "", steps: [], warnings: [], failures };
  if (differs === "") return nothing;
  for (const line of splitLines(differs)) printDetail(`${project} ${kind}: differs in ${line}`);
  // A whole project leaves a mirror by a deployment alone: that has its guard, tells the redirectors first, and knows that the others are complete.
  if (isElsewhere(request, mirror)) {
    const there = countOf(splitLines(differs).length, "line");
    const refused = `${project} ${kind}: ${mirror} has ${there} of it, where the project is not placed: \`pulumi up\` removes that, no repair does`;
    return { ...nothing, failures: [...failures, refused] };
  }
  // To the engine: all mirrors but this one are as wanted, so they are sources and nothing else.
  const previous = { request, incomplete: { [mirror]: differs } };
  try {
    if (repair === "say") {
      const { lines, warnings, errors } = await runs.preview(request, previous, context);
      return { ...nothing, steps: lines, warnings, failures: [...failures, ...errors] };
    }
    const outcome = await runs.promote(request, previous, context);
    const { summary, unpurged = [] } = outcome;
    const warnings = unpurged.map(({ line }) => line);
    return { ...nothing, summary, warnings, failures: [...failures, ...outcome.failures] };
  } catch (error) {
    if (!(error instanceof RemovalRefused)) throw error;
    const refused = `${error.message}; raise it there, or remove the artifacts by hand`;
    return { ...nothing, failures: [...failures, refused] };
  }
}

function isElsewhere(request: ImagesRequest | FilesRequest, mirror: string): boolean {
  return unplacedOf<{ readonly name: string }>(request).some(({ name }) => name === mirror);
}
