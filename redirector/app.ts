import { answerTo } from "./answer.ts";
import { type CloudRanges, callerOf } from "./client.ts";
import type { RedirectorConfig } from "./config.ts";
import { type Decision, decide, type Mirrors } from "./decide.ts";
import { mirrorOf } from "./mirrors.ts";
import type { Answer, IncomingRequest } from "./request.ts";
import { route } from "./route.ts";

/** One instance of the redirector, not yet listening anywhere. */
export interface App {
  readonly mirrors: Mirrors;
  /** Answers a request. Never throws. */
  handle(request: IncomingRequest): Answer | Promise<Answer>;
}

/** What the app finds out through the outside world. */
export interface Outside {
  readonly ranges: CloudRanges;
  /** Whether the bucket holds the layer at this URL. */
  holds(url: string): boolean | Promise<boolean>;
}

/** Puts the parts together. */
export function createApp(config: RedirectorConfig, outside: Outside): App {
  const files = config.fileMirrors.map(mirrorOf);
  const mirrors: Mirrors = {
    images: config.imageMirrors.map(mirrorOf),
    files,
    layers: files.filter((mirror) => mirror.site.layers),
  };
  const callerFrom = callerOf(config, outside.ranges);

  function notReady(): string | undefined {
    const all = [...mirrors.images, ...mirrors.files];
    return all.some((mirror) => mirror.healthy) ? undefined : "no mirror is healthy";
  }

  function finish(decision: Exclude<Decision, { kind: "check" }>): Answer {
    return answerTo(decision, decision.kind === "plain" && decision.page === "readyz" ? notReady() : undefined);
  }

  return {
    mirrors,
    handle(request) {
      const { client } = callerFrom(request);
      const decision = decide(
        route(request.method, request.target, config.limits.targetBytes),
        client,
        mirrors,
        config,
      );
      if (decision.kind !== "check") return finish(decision);
      const held = outside.holds(decision.url);
      if (typeof held === "boolean") return finish(held ? decision.present : decision.absent);
      return held.then((present) => finish(present ? decision.present : decision.absent));
    },
  };
}
