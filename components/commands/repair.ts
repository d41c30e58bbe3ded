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
  }),
  takeInventory: takeImageInventory,
  preview: previewImages,
  promote: promoteImages,
};

/** Files. */
export const filesRuns: Runs<FilesRequest> = {
  kind: "files",
  alone: (request, mirror) => ({ ...request, mirrors: request.mirrors.filter(({ name }) => name === mirror) }),
  takeInventory: takeFileInventory,
  preview: previewFiles,
  promote: promoteFiles,
};

/** Takes an inventory of the mirror and repairs it, or says how. @returns how many failures it has reported. */
export async function repairMirror<Request extends ImagesRequest | FilesRequest>(
  mirror: string,
  { repair, isDeep }: { readonly repair: "do" | "say"; readonly isDeep: boolean },
  shard: Shard,
  request: Request,
  runs: Runs<Request>,
  signal: AbortSignal,
): Promise<number> {
  const about = `${request.project} ${runs.kind}`;
  const context: Context = { signal, report: progressLine((line) => console.error(`${about}: ${line}`)) };
  const deep = isDeep ? everyDigest : undefined;
  const inventory = await runs.takeInventory(runs.alone(request, mirror), { ...context, deep });
  // What could be read is repaired all the same: the mirror may be the one that is left.
  for (const failure of inventory.failures) console.error(`error: ${failure}`);
  const unread = inventory.failures.length;
  const differs = linesInShard(shard, request.project, runs.kind, inventory.incomplete[mirror] ?? "");
  if (differs === "") {
    if (unread === 0) console.log(`${about}: nothing to do`);
    return unread;
  }
  // To the engine: all mirrors but this one are as wanted, so they are sources and nothing else.
  const previous = { request, incomplete: { [mirror]: differs } };
  try {
    if (repair === "say") {
      const { lines, warnings, errors } = await runs.preview(request, previous, context);
      for (const line of lines) console.log(`${about}: would ${line}`);
      for (const warning of warnings) console.error(`warning: ${warning}`);
      for (const error of errors) console.error(`error: ${error}`);
      return unread + errors.length;
    }
    const outcome = await runs.promote(request, previous, context);
    console.log(`${about}: ${outcome.summary}`);
    for (const failure of outcome.failures) console.error(`error: ${failure}`);
    return unread + outcome.failures.length;
  } catch (error) {
    if (!(error instanceof RemovalRefused)) throw error;
    console.error(`error: ${error.message}; raise it there, or remove the artifacts by hand`);
    return unread + 1;
  }
}
