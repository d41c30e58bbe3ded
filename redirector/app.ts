import type { Assets } from "./catalogue/assets.ts";
import { createPages } from "./catalogue/pages.ts";
import { type Caller, type CloudRanges, callerOf } from "./client/client.ts";
import type { RedirectorConfig } from "./config.ts";
import type { IncomingRequest, OutgoingResponse } from "./http1/request.ts";
import type { ExistenceCheck, Presence } from "./mirrors/existence.ts";
import { type ListRequest, type ListResult, mergeLists } from "./mirrors/lists.ts";
import type { ObjectHead } from "./mirrors/manifest-heads.ts";
import {
  type Check,
  type Decision,
  decide,
  isBucket,
  type KnownMirrors,
  type ListSource,
  type ListStep,
  type MirrorKnowledge,
  settle,
  withoutList,
} from "./routing/decide.ts";
import { listResponse } from "./routing/list-response.ts";
import { MirrorSets } from "./routing/mirror-sets.ts";
import { headResponse, pong, responseTo } from "./routing/response.ts";
import { Targets } from "./routing/targets.ts";
import { accessFields } from "./telemetry/access-log.ts";
import type { Log } from "./telemetry/log.ts";
import type { RequestMetrics, RouteName } from "./telemetry/metrics.ts";

/** One instance of the redirector, not yet listening anywhere. */
export interface App {
  readonly mirrors: KnownMirrors;
  /** Handles a request: synchronously, unless a mirror has to be asked. */
  handle(request: IncomingRequest): OutgoingResponse | Promise<OutgoingResponse>;
}

/** The app's dependencies. */
export interface Surroundings {
  readonly ranges: CloudRanges;
  /** Checks whether a mirror has an object. Never rejects. */
  holds(check: ExistenceCheck): Presence | Promise<Presence>;
  /** What is known of the mirrors without a request. */
  readonly knowledge?: MirrorKnowledge | undefined;
  /** Reads a list from a mirror. Never rejects. Without it clients are redirected to the mirror. */
  readonly lists?: ((request: ListRequest) => Promise<ListResult>) | undefined;
  /** Reads what a registry would tell of a manifest that is an object of a bucket. Never rejects. */
  readonly heads?: ((url: string) => Promise<ObjectHead | undefined>) | undefined;
  readonly metrics: RequestMetrics;
  readonly log: Log;
  /** Static files of the catalogue's page. Without them browsers get the text for terminals. */
  readonly assets?: Assets | undefined;
  /** Why this instance must get no new requests; undefined if it may. */
  readonly leaving: () => string | undefined;
  /** The revision of the service that this instance belongs to; undefined: it says none. */
  readonly revision?: string | undefined;
}

type Final = Exclude<Decision, { kind: "check" | "list" }>;

/** Composes the parts. */
export function createApp(config: RedirectorConfig, surroundings: Surroundings): App {
  const { ranges, holds, knowledge, metrics, log, leaving } = surroundings;
  const sets = new MirrorSets(config);
  const mirrors = sets.usual;
  const pages = createPages(config, mirrors, surroundings.assets);
  const callerFrom = callerOf(config, ranges);
  const targets = new Targets(config.limits.targetBytes);
  const { sample } = config.log;
  const ping = pong(surroundings.revision);

  function notReady(): string | undefined {
    const anyHealthy = [...mirrors.images, ...mirrors.files].some((mirror) => mirror.healthy);
    return leaving() ?? (anyHealthy ? undefined : "no mirror is healthy");
  }

  /** `own` replaces the response of the decision: a list that was read from the mirror of the decision. */
  function finish(
    request: IncomingRequest,
    caller: Caller,
    decision: Final,
    milliseconds: number,
    own?: OutgoingResponse,
  ): OutgoingResponse {
    const response = own ?? responseOf(decision, request, caller);
    const what = nameOf(decision);
    const mirror = decision.kind === "redirect" ? decision.mirror : undefined;
    const detour = decision.kind === "redirect" ? decision.detour : undefined;
    const name = mirror?.site.name ?? "";
    if (mirror && !mirror.healthy) metrics.unhealthyRedirects++;
    if (detour) metrics.detours[detour]++;
    metrics.count(what, name, response.status, caller.client.cloud, milliseconds);
    if (sample > 0 && (sample === 1 || Math.random() < sample)) {
      const access = { request, ...caller, route: what, mirror: name, detour, status: response.status, milliseconds };
      log.entry("INFO", `${response.status} ${what}${name && ` ${name}`}`, accessFields(access, config));
    }
    return response;
  }

  function responseOf(decision: Final, request: IncomingRequest, caller: Caller): OutgoingResponse {
    if (decision.kind === "page") return pages.page(decision.route, request, caller.client);
    const forPeople = decision.kind === "refused" ? pages.refusal(decision.refusal, request) : undefined;
    if (forPeople) return forPeople;
    const why = decision.kind === "plain" && decision.page === "readyz" ? notReady() : undefined;
    return responseTo(decision, why, ping);
  }

  async function finishLater(
    request: IncomingRequest,
    caller: Caller,
    first: Check,
    presence: Promise<Presence>,
    ranked: KnownMirrors,
  ): Promise<OutgoingResponse> {
    const started = performance.now();
    let decision: ReturnType<typeof settle> = settle(first, await presence, caller.client, ranked, config, knowledge);
    while (decision.kind === "check") {
      decision = settle(decision, await holds(decision), caller.client, ranked, config, knowledge);
    }
    return isManifestHead(request, decision)
      ? finishHead(request, caller, decision, started)
      : finish(request, caller, decision, performance.now() - started);
  }

  /** A bucket's response to HEAD lacks the digest, which clients need. */
  async function finishHead(
    request: IncomingRequest,
    caller: Caller,
    decision: Final & { kind: "redirect" },
    started = performance.now(),
  ): Promise<OutgoingResponse> {
    const head = await surroundings.heads?.(decision.location);
    return finish(request, caller, decision, performance.now() - started, head && headResponse(head));
  }

  async function finishList(
    request: IncomingRequest,
    caller: Caller,
    { route: list, sources }: ListStep,
  ): Promise<OutgoingResponse> {
    const started = performance.now();
    const end = (decision: Final, own?: OutgoingResponse) =>
      finish(request, caller, decision, performance.now() - started, own);
    const [first, ...others] = sources as [ListSource, ...ListSource[]];
    const read = surroundings.lists;
    if (!read) return end(first.redirect);
    const readFrom = async (source: ListSource) => {
      const found = await read({ kind: list.kind, url: source.url, isObject: isBucket(source.mirror) });
      return { source, found };
    };
    const results = await Promise.all([first, ...others.slice(0, 1)].map(readFrom));
    // Two answers, of which one may be that there is none: what one mirror lacks the other has.
    for (const source of others.slice(1)) {
      if (results.filter(({ found }) => found !== "failing").length >= 2) break;
      results.push(await readFrom(source));
    }
    // Too long, or too many at once: the client reads it from the mirror page by page.
    if (results[0]!.found === "unread") return end(first.redirect);
    const [one, ...more] = results.flatMap(({ source, found }) =>
      typeof found === "string" ? [] : [{ source, found }],
    );
    if (one) {
      const isFirst = one.source === first;
      const detour = isFirst ? {} : ({ detour: results[0]!.found === "absent" ? "absent" : "failing" } as const);
      const whole = mergeLists([one.found, ...more.map(({ found }) => found)]);
      return end({ ...one.source.redirect, ...detour }, listResponse(whole, list));
    }
    // The mirror itself says why: that it fails, or, unlike a bucket, that it has no such list.
    const unsure = results.find(({ found }) => found !== "absent");
    const lacking = results.find(({ source }) => isBucket(source.mirror));
    if (unsure || !lacking) return end((unsure?.source ?? first).redirect);
    const none = withoutList(list);
    return none.kind === "refused" ? end(none) : end(lacking.source.redirect, listResponse(none, list));
  }

  return {
    mirrors,
    handle(request) {
      const caller = callerFrom(request);
      const { route: wanted, checks } = targets.read(request.method, request.target);
      const ranked = sets.of(wanted);
      let decision = decide(wanted, caller.client, ranked, config, checks, knowledge);
      while (decision.kind === "check") {
        const presence = holds(decision);
        if (presence instanceof Promise) return finishLater(request, caller, decision, presence, ranked);
        decision = settle(decision, presence, caller.client, ranked, config, knowledge);
      }
      if (decision.kind === "list") return finishList(request, caller, decision);
      if (isManifestHead(request, decision)) return finishHead(request, caller, decision);
      // A synchronous request takes microseconds and is counted as 0: reading the clock twice would double its cost.
      return finish(request, caller, decision, 0);
    },
  };
}

function isManifestHead(request: IncomingRequest, decision: Final): decision is Final & { kind: "redirect" } {
  if (request.method !== "HEAD" || decision.kind !== "redirect" || decision.what !== "manifest") return false;
  return decision.mirror !== undefined && isBucket(decision.mirror);
}

/** Name of the route, for metrics and log. */
function nameOf(decision: Final): RouteName {
  switch (decision.kind) {
    case "redirect":
      return decision.what;
    case "plain":
      return decision.page;
    default:
      return decision.kind;
  }
}
