/** The engine of promotion: one for every kind of content. */
import { setTimeout as sleep } from "node:timers/promises";
import { inShare } from "../http/fair-share.ts";
import type { GrantWaits, NewMirror } from "./grant-waits.ts";
import { sumOf } from "./mirror-run.ts";
import type { PromotionRun } from "./promotion-run.ts";
import type {
  Context,
  FailedPurge,
  Inventory,
  InventoryRun,
  MirrorProgress,
  Outcome,
  Preview,
  PreviewRun,
  Previous,
  Progress,
  PromoteRun,
  RemoveRun,
} from "./request.ts";
import { settleAll } from "./settle-all.ts";
import {
  departureOf,
  type PlacedKind,
  type PlacedRequest,
  printDeparture,
  withDeparture,
  withUnplaced,
} from "./unplaced-mirrors.ts";

/** What is promoted: images, or files. */
export interface ContentKind<Request, Plan extends { readonly errors: readonly string[] }, Run extends PromotionRun>
  extends PlacedKind<Request> {
  /**
   * The steps from what the last run knew to what is wanted; no requests.
   * @throws RemovalRefused at the removal guard, Error for lines that cannot be read.
   */
  plan(request: Request, previous: Previous<Request> | undefined): Plan;
  /** Creates the run of a plan. Sends no requests yet. */
  start(request: Request, plan: Plan, context: Context): Run;
  /** The steps of a run. */
  phases(run: Run): Phases;
  /** What a run would do. Also reports the plan's errors. Writes nothing. */
  preview(run: Run, plan: Plan): Promise<Preview>;
  /** What all mirrors contain. Writes nothing. */
  takeInventory(request: Request, context: Context): Promise<Inventory>;
  /** The mirrors that a run writes and the last one did not have, as far as their grants take time. */
  newMirrors(run: Run, previous: Previous<Request> | undefined): readonly NewMirror[];
  /** Purges from CDNs what runs have replaced or removed. @returns those that it could not purge. */
  purge(request: Request, signal: AbortSignal): Promise<readonly FailedPurge[]>;
}

/** Starts steps that may run at the same time. Which steps depends on the findings of the phases before. */
export type Phase = () => Iterable<Promise<void>>;

/** The steps of a run, phase by phase: all additions before the first removal, so that a renamed image or file is never absent. */
export interface Phases {
  readonly additions: readonly Phase[];
  /** Empty if the plan removes nothing. */
  readonly removals: readonly Phase[];
}

/** The four operations of a kind of content. */
export interface Promotion<Request> {
  readonly preview: PreviewRun<Request>;
  readonly promote: PromoteRun<Request>;
  readonly takeInventory: InventoryRun<Request>;
  readonly remove: RemoveRun<Request>;
}

/**
 * Promotion of one kind of content.
 * @param waits shared by all kinds of a process.
 */
export function promotionOf<
  Request extends PlacedRequest,
  Plan extends { readonly errors: readonly string[] },
  Run extends PromotionRun,
>(kind: ContentKind<Request, Plan, Run>, waits: GrantWaits): Promotion<Request> {
  const promoteNow: PromoteRun<Request> = async (request, previous, context) => {
    const plan = kind.plan(request, previous);
    if (plan.errors.length > 0) throw new Error(plan.errors.join("\n"));
    const departure = departureOf(kind, request, previous);
    await context.beforeChanges?.();
    let stayed: readonly MirrorProgress[] = [];
    const report = (progress: Progress): void => {
      stayed = progress.mirrors;
      context.report(progress);
    };
    const outcome = await carryOutPlan(request, plan, previous, { ...context, report });
    if (departure === undefined) return outcome;
    // Until the mirrors that keep the project have all of it, those that it leaves may be the only ones.
    if (outcome.failures.length > 0 || previous?.isFilling === true) {
      return { ...outcome, incomplete: { ...outcome.incomplete, ...departure.previous.incomplete } };
    }
    const removal = kind.plan(departure.request, departure.previous);
    const left = await carryOutPlan(departure.request, removal, departure.previous, {
      ...context,
      // Whoever shows or records the run sees all of it.
      report: ({ mirrors }) => context.report(sumOf([...stayed, ...mirrors])),
      beforeRemoval: async () => {
        await context.beforeRemoval?.();
        // Other mirrors keep it: no client is to be sent where it no longer is.
        await sleep((request.departureSeconds ?? 0) * 1000, undefined, { signal: context.signal });
      },
    });
    return withDeparture(outcome, left);
  };
  const carryOutPlan = async (
    request: Request,
    plan: Plan,
    previous: Previous<Request> | undefined,
    context: Context,
  ): Promise<Outcome> => {
    const run = kind.start(request, plan, context);
    await untilAborted(context.signal, async () => {
      const { awaitGrants, signal } = context;
      if (awaitGrants) await waits.untilTheyHold(kind.newMirrors(run, previous), awaitGrants, signal);
      await carryOut(kind.phases(run), context);
    });
    let unpurged: readonly FailedPurge[] = [];
    await untilAborted(context.signal, async () => {
      unpurged = await kind.purge(request, context.signal);
    });
    return { ...run.outcome(), ...(unpurged.length > 0 && { unpurged }) };
  };
  // Each run has a fair share of the process's limits.
  const promote: PromoteRun<Request> = (...args) => inShare({}, () => promoteNow(...args));
  return {
    preview: (request, previous, context) =>
      inShare({}, async () => {
        const plan = kind.plan(request, previous);
        const departure = departureOf(kind, request, previous);
        const preview = await kind.preview(kind.start(request, plan, context), plan);
        context.signal.throwIfAborted(); // a mirror that could not be read is not an error of the change
        return departure === undefined
          ? preview
          : { ...preview, lines: [...printDeparture(departure, previous?.isFilling), ...preview.lines] };
      }),
    promote,
    takeInventory: (request, context) =>
      inShare({}, async () => {
        const inventory = await kind.takeInventory(request, context);
        const { deep: _, attached: _attached, ...shallow } = context;
        return withUnplaced(kind, request, inventory, (elsewhere) => kind.takeInventory(elsewhere, shallow));
      }),
    remove: (previous, context) => promote(kind.emptied(previous.request), previous, context),
  };
}

async function carryOut({ additions, removals }: Phases, context: Context): Promise<void> {
  for (const phase of additions) await settleAll(phase());
  if (removals.length === 0) return;
  context.signal.throwIfAborted();
  await context.beforeRemoval?.();
  for (const phase of removals) await settleAll(phase());
}

/** An abort ends the work but not the run: its outcome says what was done. */
async function untilAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
