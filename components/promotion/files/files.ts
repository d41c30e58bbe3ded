import { type ContentKind, promotionOf } from "../run/engine.ts";
import { grantWaits, unknownTo } from "../run/grant-waits.ts";
import type { FilesRequest } from "../run/request.ts";
import { takeFilesInventory } from "./inventory.ts";
import { purgeCaches } from "./mirror-files.ts";
import { type Mutability, mutabilityOf } from "./mutable-files.ts";
import { type MirrorPlan, planFiles, reservedNames } from "./plan.ts";
import { previewFilesRun } from "./preview.ts";
import { FilesRun } from "./run.ts";

/** The plans of all mirrors. */
interface FilesPlan {
  readonly mirrors: readonly MirrorPlan[];
  readonly mutability: Mutability;
  readonly errors: readonly string[];
}

const kind: ContentKind<FilesRequest, FilesPlan, FilesRun> = {
  plan: (request, previous) => ({
    mirrors: planFiles(request, previous),
    mutability: mutabilityOf(request, previous),
    errors: reservedNames(request),
  }),
  start: (request, { mirrors, mutability }, context) => new FilesRun(request, mirrors, mutability, context),
  phases: (run) => run.phases(),
  preview: (run, { errors }) => previewFilesRun(run, errors),
  takeInventory: takeFilesInventory,
  lines: ({ files }) => files,
  emptied: (request) => ({ ...request, files: "" }),
  newMirrors: ({ all, wanted }, previous) =>
    wanted.size === 0
      ? []
      : unknownTo((previous?.before ?? previous?.request)?.mirrors, all).map(({ name, files: { bucket } }) => ({
          name,
          address: bucket.url,
          mayWrite: (signal) => bucket.mayWrite(signal),
        })),
  purge: ({ storage }, signal) => purgeCaches(storage, signal),
};

/** The promotion of files, over the connections of this process. */
export const filePromotion = promotionOf(kind, grantWaits);

export const { preview: previewFiles, promote: promoteFiles, takeInventory: takeFileInventory } = filePromotion;
