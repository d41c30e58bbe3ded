/**
 * Mirrors of the stack in which a project is not placed. It must have nothing there: what it had while it was placed there is removed, and what an
 * inventory finds there is drift.
 */
import { isDeepStrictEqual } from "node:util";
import { mostHopeful } from "../http/failure-kind.ts";
import { countOf } from "../text/count-of.ts";
import { joinLines } from "../text/join-lines.ts";
import { splitLines } from "../text/split-lines.ts";
import { afterSign } from "./differences.ts";
import { guardPlacement } from "./removal-guard.ts";
import type { Inventory, Outcome, Previous } from "./request.ts";

interface Named {
  readonly name: string;
}

/** What of a request of either kind says where its project is placed. */
export interface PlacedRequest {
  readonly project: string;
  readonly removalShare: number;
  readonly mirrors: readonly Named[];
  readonly layerMirrors?: readonly Named[];
  readonly unplaced?: readonly Named[] | undefined;
  readonly unplacedLayers?: readonly Named[] | undefined;
  readonly departureSeconds?: number | undefined;
}

/** How the kinds of content differ here. */
export interface PlacedKind<Request> {
  /** The wanted lines of a request. */
  lines(request: Request): string;
  /** The request that wants nothing. */
  emptied(request: Request): Request;
}

/** The removal of a project from mirrors: all that the request of `previous` has there by its differences, and nothing else. */
export interface Departure<Request> {
  readonly request: Request;
  readonly previous: Previous<Request>;
}

/** All mirrors in which the project of a request is not placed. */
export function unplacedOf<Mirror>({
  unplaced = [],
  unplacedLayers = [],
}: {
  readonly unplaced?: readonly Mirror[] | undefined;
  readonly unplacedLayers?: readonly Mirror[] | undefined;
}): Mirror[] {
  return [...unplaced, ...unplacedLayers];
}

/** The request about the mirrors in which the project is not placed; undefined if there are none. */
function unplacedRequest<Request extends PlacedRequest>(request: Request): Request | undefined {
  const { unplaced = [], unplacedLayers = [] } = request;
  if (unplacedOf(request).length === 0) return undefined;
  return withMirrors(request, unplaced, unplacedLayers);
}

/**
 * What has to be removed from mirrors in which the project is not placed: all, if the last run was to bring it there, else what the last run or refresh
 * left or found there. Undefined if that is nothing. Sends no request.
 * @throws RemovalRefused if the project would leave more of its mirrors than one run may remove of it.
 */
export function departureOf<Request extends PlacedRequest>(
  kind: PlacedKind<Request>,
  request: Request,
  previous: Previous<Request> | undefined,
): Departure<Request> | undefined {
  const elsewhere = unplacedRequest(request);
  if (elsewhere === undefined || previous === undefined) return undefined;
  const former = mirrorsOf(previous.before ?? previous.request);
  const wasPlaced = (mirror: Named): boolean => former.some((one) => isDeepStrictEqual(one, mirror));
  const incomplete: Record<string, string> = {};
  let leaving = 0;
  for (const mirror of mirrorsOf(elsewhere)) {
    const differs = previous.incomplete[mirror.name] ?? "";
    const there = wasPlaced(mirror)
      ? presentLines(kind.lines(previous.request), differs)
      : afterSign("- ", splitLines(differs));
    if (there.length === 0) continue;
    if (wasPlaced(mirror)) leaving++;
    incomplete[mirror.name] = joinLines(there.map((line) => `- ${line}`));
  }
  if (Object.keys(incomplete).length === 0) return undefined;
  guardPlacement(request.project, leaving, former.length, request.removalShare);
  const asked = kind.emptied({ ...only(elsewhere, (name) => name in incomplete), removalShare: 1 });
  return { request: asked, previous: { request: asked, incomplete } };
}

/**
 * The departure for people, a line for all mirrors from which as much is removed.
 * @param isFilling whether it waits for a fill.
 */
export function printDeparture({ previous }: Departure<unknown>, isFilling = false): string[] {
  const counts = Object.entries(previous.incomplete).map(([name, text]) => ({ name, count: splitLines(text).length }));
  return [...Map.groupBy(counts, ({ count }) => count)].map(([count, mirrors]) => {
    const names = mirrors.map(({ name }) => name).join(", ");
    const what = `remove the whole project (${countOf(count, "line")}) from ${names}`;
    if (isFilling) return `${what} once the fill has ended: its regions do not include it`;
    return `${what}: its regions do not include it; the other mirrors keep it`;
  });
}

/**
 * An inventory with what is in mirrors in which the project is not placed: there, everything is extra.
 * @param take takes the inventory of a request.
 */
export async function withUnplaced<Request extends PlacedRequest>(
  kind: Pick<PlacedKind<Request>, "lines">,
  request: Request,
  inventory: Inventory,
  take: (request: Request) => Promise<Inventory>,
): Promise<Inventory> {
  const elsewhere = unplacedRequest(request);
  if (elsewhere === undefined) return inventory;
  const incomplete: Record<string, string> = { ...inventory.incomplete };
  const failures = [...inventory.failures];
  let { failureKind } = inventory;
  await Promise.all(
    mirrorsOf(elsewhere).map(async ({ name }) => {
      // One by one, so that it is known which could be read.
      const found = await take(only(elsewhere, (one) => one === name));
      failures.push(...found.failures);
      failureKind = mostHopeful([failureKind, found.failureKind]);
      if (found.failures.length > 0) return;
      const there = presentLines(kind.lines(request), found.incomplete[name] ?? "");
      if (there.length > 0) incomplete[name] = joinLines(there.map((line) => `- ${line}`));
    }),
  );
  return { ...inventory, incomplete, failures, ...(failureKind && { failureKind }) };
}

/** The outcome of a run, and of the departure that followed it. */
export function withDeparture(outcome: Outcome, left: Outcome): Outcome {
  const all = [...(outcome.unpurged ?? []), ...(left.unpurged ?? [])];
  const unpurged = [...new Map(all.map((purge) => [purge.line, purge])).values()];
  const failureKind = mostHopeful([outcome.failureKind, left.failureKind]);
  return {
    ...outcome,
    incomplete: { ...outcome.incomplete, ...left.incomplete },
    failures: [...outcome.failures, ...left.failures],
    summary: `${outcome.summary}; where it is not placed: ${left.summary}`,
    ...(failureKind && { failureKind }),
    ...(unpurged.length > 0 && { unpurged }),
  };
}

function mirrorsOf({ mirrors, layerMirrors = [] }: PlacedRequest): Named[] {
  return [...mirrors, ...layerMirrors];
}

function only<Request extends PlacedRequest>(request: Request, is: (name: string) => boolean): Request {
  const { mirrors, layerMirrors = [] } = request;
  return withMirrors(
    request,
    mirrors.filter(({ name }) => is(name)),
    layerMirrors.filter(({ name }) => is(name)),
  );
}

function withMirrors<Request extends PlacedRequest>(
  request: Request,
  mirrors: readonly Named[],
  layers: readonly Named[],
): Request {
  const { unplaced: _, unplacedLayers: _layers, ...rest } = request;
  // The mirrors are those of a request of the same kind.
  return { ...rest, mirrors, ...(request.layerMirrors && { layerMirrors: layers }) } as unknown as Request;
}

/** The lines that a mirror has, by the wanted lines and its differences from them. */
function presentLines(wanted: string, differs: string): string[] {
  const lines = splitLines(differs);
  const missing = new Set(afterSign("+ ", lines));
  return [...new Set([...splitLines(wanted).filter((line) => !missing.has(line)), ...afterSign("- ", lines)])];
}
