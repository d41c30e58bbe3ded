/** The filling of a mirror that is new, or was made again: it gets what it lacks, and loses nothing. */
import pLimit from "p-limit";
import { type FailureKind, mostHopeful } from "../promotion/http/failure-kind.ts";
import { readImageLines } from "../promotion/images/lines.ts";
import { afterSign } from "../promotion/run/differences.ts";
import type { Context, FilesRequest, ImagesRequest, Progress } from "../promotion/run/request.ts";
import { wantedText } from "../promotion/run/wanted-text.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { globMatcher } from "../promotion/text/glob-matcher.ts";
import { joinLines } from "../promotion/text/join-lines.ts";
import { splitLines } from "../promotion/text/split-lines.ts";
import type { FillOrder } from "./fill-order.ts";
import { filesRuns, imagesRuns, type Runs } from "./repair.ts";
import { linesInShard, type Shard } from "./shard.ts";

/** How far a fill is: what the mirror shall have of this part, has, and could not get. */
export interface FillProgress {
  /** Lines of the manifests. */
  readonly wanted: number;
  /** Those of them that the mirror lacked when it was looked at. */
  readonly missing: number;
  /** Steps that are done; an image is one, with all its tags. */
  readonly done: number;
  readonly bytes: number;
}

/** What a fill did, or found. */
export interface Filled extends FillProgress {
  /** One line each, naming project, image or file, mirror and cause. */
  readonly failures: readonly string[];
  /** What they say of a later try, together; absent: there is none. */
  readonly failureKind?: FailureKind;
  /** What did not succeed beside the mirror, one line each: a CDN that still keeps what was replaced. */
  readonly warnings: readonly string[];
}

/** Projects whose work is under way at a time: inventories are many small requests, each waiting for an answer. */
const projectsAtATime = 8;

/**
 * Brings to a mirror what it lacks of one part of what it shall have. Looks what is there first: so it goes on where a killed one stopped, and parts
 * may run at the same time, or twice.
 * @param options.only `look`: nothing is written. @param told is called often.
 */
export async function fillMirror(
  order: FillOrder,
  shard: Shard,
  { only, signal }: { readonly only?: "look"; readonly signal: AbortSignal },
  told: (progress: FillProgress) => void,
): Promise<Filled> {
  const sum = new Sum(told);
  const atOnce = pLimit(projectsAtATime);
  const fillAll = <Request extends ImagesRequest | FilesRequest>(
    requests: readonly Request[],
    runs: Runs<Request>,
    part: (request: Request) => Request,
  ) =>
    requests.map((whole) =>
      atOnce(async () => {
        const request = part(whole);
        sum.wanted(splitLines(wantedText(request)).length);
        if (wantedText(request) !== "") await fillProject(order.mirror, request, runs, sum, { only, signal });
      }),
    );
  await Promise.all([
    ...fillAll(order.images, imagesRuns, (request) => ({
      ...request,
      images: linesInShard(shard, request.project, "images", request.images, "unsigned"),
    })),
    ...fillAll(order.files, filesRuns, (request) => ({
      ...request,
      files: linesInShard(shard, request.project, "files", request.files, "unsigned"),
    })),
  ]);
  return sum.filled;
}

async function fillProject<Request extends ImagesRequest | FilesRequest>(
  mirror: string,
  request: Request,
  runs: Runs<Request>,
  sum: Sum,
  { only, signal }: { readonly only?: "look" | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const context: Context = { signal, report: () => {} };
  const inventory = await runs.takeInventory(runs.alone(request, mirror), context);
  const { incomplete } = inventory;
  sum.failed(inventory);
  const differences = splitLines(incomplete[mirror] ?? "");
  const moved = movedSince(request, differences);
  const missing = missingOf(request, differences);
  sum.missing(missing.length);
  if (only === "look") return;
  if (moved.size > 0) sum.warned([leftAsItIs(request, mirror, moved)]);
  const lacking = missing.filter((line) => !moved.has(line.slice(2)));
  if (lacking.length === 0) return;
  const differs = joinLines(lacking);
  // To the engine: all mirrors but this one are as wanted, so they are sources and nothing else.
  const unmoved = splitLines(wantedText(request)).filter((line) => !moved.has(line));
  const asked = moved.size === 0 ? request : { ...request, [runs.kind]: joinLines(unmoved) };
  const outcome = await runs.promote(
    asked,
    { request: asked, incomplete: { [mirror]: differs } },
    { signal, report: sum.of(`${request.project} ${runs.kind}`) },
  );
  sum.failed(outcome);
  sum.warned((outcome.unpurged ?? []).map(({ line }) => line));
}

/**
 * What the mirror lacks of what the request wants. What is there besides, whole or not, is no matter of a fill: the rest of the manifest is another part,
 * which another task brings at the same time, and to the engine what is incomplete and not wanted is what a killed run left, which it removes.
 * @param differences of the mirror, line by line.
 */
function missingOf(request: ImagesRequest | FilesRequest, differences: readonly string[]): string[] {
  const wanted = new Set("images" in request ? artifactsOf(request.images) : splitLines(request.files));
  return differences.filter((line) => line.startsWith("+ ") || (line.startsWith("~ ") && wanted.has(line.slice(2))));
}

/** `image@digest` of each. */
function* artifactsOf(text: string): Generator<string> {
  for (const [image, digests] of readImageLines(text)) for (const digest of digests.keys()) yield `${image}@${digest}`;
}

/**
 * The wanted lines of mutable tags and files that the mirror has with other content. A fill lasts longer than the time between deployments, which bring
 * what they move to a mirror that is being filled at once: an order of before must not take that back.
 * @param differences of the mirror, line by line.
 * @internal exported for its tests.
 */
export function movedSince(request: ImagesRequest | FilesRequest, differences: readonly string[]): ReadonlySet<string> {
  const nameOf = (line: string) => line.slice(0, Math.max(0, line.lastIndexOf(" ")));
  const tagOf = (name: string) => name.slice(name.lastIndexOf(":") + 1);
  const isMutable = globMatcher("images" in request ? request.mutableTags : (request.mutableFiles ?? []));
  const there = new Set(afterSign("- ", differences).map(nameOf));
  const moved = afterSign("+ ", differences).filter((line) => {
    const name = nameOf(line);
    return there.has(name) && isMutable("images" in request ? tagOf(name) : name);
  });
  return new Set(moved);
}

function leftAsItIs({ project }: ImagesRequest | FilesRequest, mirror: string, moved: ReadonlySet<string>): string {
  const [first = ""] = moved;
  const more = moved.size > 1 ? ` and ${formatCount(moved.size - 1)} more` : "";
  return `project ${project}, mirror ${mirror}: ${first}${more}: has other content there and is mutable, so it stays: a deployment, or artifacts sync, brings it`;
}

/** The sum over all projects. */
class Sum {
  readonly #told: (progress: FillProgress) => void;
  readonly #runs = new Map<string, Progress>();
  readonly #failures: string[] = [];
  #failureKind: FailureKind | undefined;
  readonly #warnings = new Set<string>();
  #wanted = 0;
  #missing = 0;

  constructor(told: (progress: FillProgress) => void) {
    this.#told = told;
  }

  wanted(lines: number): void {
    this.#wanted += lines;
  }

  missing(lines: number): void {
    this.#missing += lines;
    this.#told(this.filled);
  }

  failed({ failures, failureKind }: Pick<Filled, "failures" | "failureKind">): void {
    this.#failures.push(...failures);
    this.#failureKind = mostHopeful([this.#failureKind, failureKind]);
  }

  /** Projects whose files are behind one CDN have the same ones. */
  warned(warnings: readonly string[]): void {
    for (const warning of warnings) this.#warnings.add(warning);
  }

  /** Receives the progress of one project. */
  of(name: string): (progress: Progress) => void {
    return (progress) => {
      this.#runs.set(name, progress);
      this.#told(this.filled);
    };
  }

  get filled(): Filled {
    const runs = [...this.#runs.values()];
    const total = (of: "done" | "bytes") => runs.reduce((all, run) => all + run[of], 0);
    return {
      wanted: this.#wanted,
      missing: this.#missing,
      done: total("done"),
      bytes: total("bytes"),
      failures: this.#failures,
      ...(this.#failureKind && { failureKind: this.#failureKind }),
      warnings: [...this.#warnings],
    };
  }
}
