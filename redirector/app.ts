import type { Assets } from "./catalogue/assets.ts";
import { createPages } from "./catalogue/pages.ts";
import { type Caller, type CloudRanges, callerOf } from "./client/client.ts";
import type { RedirectorConfig } from "./config.ts";
import type { IncomingRequest, OutgoingResponse } from "./http1/request.ts";
import type { ExistenceCheck, Held } from "./mirrors/existence.ts";
import type { ListAnswer, ListQuestion } from "./mirrors/lists.ts";
import { mirrorOf } from "./mirrors/mirrors.ts";
import {
  type Check,
  type Decision,
  decide,
  type KnownMirrors,
  type ListStep,
  otherListStep,
  settle,
} from "./routing/decide.ts";
import { listResponse } from "./routing/list-response.ts";
import { responseTo } from "./routing/response.ts";
import { Targets } from "./routing/targets.ts";
import { accessFields } from "./telemetry/access-log.ts";
import type { Log } from "./telemetry/log.ts";
import type { RequestMetrics, RouteName } from "./telemetry/metrics.ts";

/** One instance of the redirector, not yet listening anywhere. */
export interface App {
  readonly mirrors: KnownMirrors;
  /** Answers a request: at once, unless a mirror has to be asked. */
  handle(request: IncomingRequest): OutgoingResponse | Promise<OutgoingResponse>;
}

/** What the app needs of the world around it. */
export interface Surroundings {
  readonly ranges: CloudRanges;
  /** Whether a mirror holds an object. Never rejects. */
  holds(question: ExistenceCheck): Held | Promise<Held>;
  /** Reads a list from a mirror. Never rejects. Without it clients are redirected to the mirror. */
  readonly lists?: ((question: ListQuestion) => Promise<ListAnswer>) | undefined;
  readonly metrics: RequestMetrics;
  readonly log: Log;
  /** What the page of the catalogue is made of; without it browsers are answered as terminals are. */
  readonly assets?: Assets | undefined;
  /** Why this instance should get no new requests, if so. */
  readonly leaving: () => string | undefined;
}

type Final = Exclude<Decision, { kind: "check" | "list" }>;

/** Puts the parts together. */
export function createApp(config: RedirectorConfig, surroundings: Surroundings): App {
  const { ranges, holds, metrics, log, leaving } = surroundings;
  const files = config.fileMirrors.map(mirrorOf);
  const mirrors: KnownMirrors = {
    images: config.imageMirrors.map(mirrorOf),
    files,
    layers: files.filter((mirror) => mirror.site.layers),
  };
  const pages = createPages(config, mirrors, surroundings.assets);
  const callerFrom = callerOf(config, ranges);
  const targets = new Targets(config.limits.targetBytes);
  const { sample } = config.log;

  function notReady(): string | undefined {
    const anyHealthy = [...mirrors.images, ...mirrors.files].some((mirror) => mirror.healthy);
    return leaving() ?? (anyHealthy ? undefined : "no mirror is healthy");
  }

  /** `own` is the answer, if it is not what follows from the decision: a list, read from the mirror to which the decision leads. */
  function finish(
    request: IncomingRequest,
    caller: Caller,
    decision: Final,
    milliseconds: number,
    own?: OutgoingResponse,
  ): OutgoingResponse {
    const answer = own ?? answerOf(decision, request, caller);
    const what = nameOf(decision);
    const mirror = decision.kind === "redirect" ? decision.mirror : undefined;
    const detour = decision.kind === "redirect" ? decision.detour : undefined;
    const name = mirror?.site.name ?? "";
    if (mirror && !mirror.healthy) metrics.unhealthyRedirects++;
    if (detour) metrics.detours[detour]++;
    metrics.count(what, name, answer.status, caller.client.cloud, milliseconds);
    if (sample > 0 && (sample === 1 || Math.random() < sample)) {
      const access = { request, ...caller, route: what, mirror: name, detour, status: answer.status, milliseconds };
      log.entry("INFO", `${answer.status} ${what}${name && ` ${name}`}`, accessFields(access, config));
    }
    return answer;
  }

  function answerOf(decision: Final, request: IncomingRequest, caller: Caller): OutgoingResponse {
    if (decision.kind === "page") return pages.page(decision.route, request, caller.client);
    const forPeople = decision.kind === "refused" ? pages.refusal(decision.refusal, request) : undefined;
    if (forPeople) return forPeople;
    return responseTo(decision, decision.kind === "plain" && decision.page === "readyz" ? notReady() : undefined);
  }

  async function finishLater(
    request: IncomingRequest,
    caller: Caller,
    first: Check,
    held: Promise<Held>,
  ): Promise<OutgoingResponse> {
    const started = performance.now();
    let decision: ReturnType<typeof settle> = settle(first, await held, caller.client, mirrors, config);
    while (decision.kind === "check") {
      decision = settle(decision, await holds(decision), caller.client, mirrors, config);
    }
    return finish(request, caller, decision, performance.now() - started);
  }

  async function finishList(request: IncomingRequest, caller: Caller, first: ListStep): Promise<OutgoingResponse> {
    const started = performance.now();
    const read = surroundings.lists;
    let listing: ListStep | undefined = first;
    let last = first;
    while (read && listing) {
      last = listing;
      const { kind, path } = listing.route;
      const found = await read({ kind, url: listing.present.mirror.site.url + path });
      if (typeof found !== "string") {
        const own = listResponse(found, listing.route);
        return finish(request, caller, listing.present, performance.now() - started, own);
      }
      const isOther: boolean = listing !== first || found === "unread";
      listing = isOther ? undefined : otherListStep(first, found === "absent", caller.client, mirrors);
    }
    return finish(request, caller, last.present, performance.now() - started);
  }

  return {
    mirrors,
    handle(request) {
      const caller = callerFrom(request);
      const { route: wanted, checks } = targets.read(request.method, request.target);
      let decision = decide(wanted, caller.client, mirrors, config, checks);
      while (decision.kind === "check") {
        const held = holds(decision);
        if (held instanceof Promise) return finishLater(request, caller, decision, held);
        decision = settle(decision, held, caller.client, mirrors, config);
      }
      if (decision.kind === "list") return finishList(request, caller, decision);
      // What needs no waiting takes microseconds: it is counted as nothing, as reading the clock twice would double it.
      return finish(request, caller, decision, 0);
    },
  };
}

/** What the request was about, for metrics and log. */
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
