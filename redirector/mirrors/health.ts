import pLimit from "p-limit";
import type { RedirectorConfig } from "../config.ts";
import type { Mirror } from "./mirrors.ts";
import { isServing } from "./status-meaning.ts";

type Settings = RedirectorConfig["health"];

/** What the probes of one mirror found, for the metrics. */
export interface ProbeCounts {
  succeeded: number;
  failed: number;
  /** Given no weight, as the process stood still meanwhile. */
  ignored: number;
  /** Times the mirror went from healthy to not or back. */
  turned: number;
}

/** A mirror with what is known of its health. */
export interface Probed {
  readonly mirror: Mirror;
  readonly counts: ProbeCounts;
}

/** Probes mirrors until stopped. */
export interface Prober {
  readonly probed: readonly Probed[];
  stop(): void;
}

/** How to probe. */
export interface ProberOptions {
  /** Whether a mirror answers. May reject: that is a no. */
  readonly probe: (mirror: Mirror, signal: AbortSignal) => Promise<boolean>;
  /** Told when a mirror turns healthy or unhealthy. */
  readonly turned: (mirror: Mirror) => void;
  /** For the jitter: 0 to 1. */
  readonly random?: () => number;
}

/**
 * Probes each mirror now and then, and writes what it finds to `mirror.healthy`: `unhealthyAfter` failures in a row make it
 * unhealthy, `healthyAfter` successes healthy. As soon as one answer differs from what a mirror is taken to be, it is asked again
 * after `recheckSeconds` instead of `intervalSeconds`. So a dead mirror is left within
 * `1.2 * intervalSeconds + unhealthyAfter * timeoutSeconds + 1.2 * (unhealthyAfter - 1) * recheckSeconds`, as long as fewer
 * than `concurrency` mirrors hang at the same time.
 */
export function startProber(mirrors: readonly Mirror[], settings: Settings, options: ProberOptions): Prober {
  const { probe, turned, random = Math.random } = options;
  const stopping = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  const limited = pLimit(settings.concurrency);

  const probed = mirrors.map((mirror) => ({ mirror, counts: { succeeded: 0, failed: 0, ignored: 0, turned: 0 } }));
  for (const each of probed) {
    let streak = 0;
    const round = async (): Promise<void> => {
      const answer = await limited(() => ask(each.mirror));
      if (stopping.signal.aborted) return;
      let seconds = settings.intervalSeconds;
      if (answer === undefined) {
        each.counts.ignored++;
        seconds = settings.recheckSeconds;
      } else {
        if (answer) each.counts.succeeded++;
        else each.counts.failed++;
        streak = answer === each.mirror.healthy ? 0 : streak + 1;
        if (streak >= (answer ? settings.healthyAfter : settings.unhealthyAfter)) {
          streak = 0;
          each.mirror.healthy = answer;
          each.counts.turned++;
          turned(each.mirror);
        }
        if (streak > 0) seconds = settings.recheckSeconds;
      }
      later(round, seconds * 1000 * (0.8 + 0.4 * random()));
    };
    // The first round starts at once, but not all mirrors in the same moment.
    later(round, Math.min(1000, settings.intervalSeconds * 1000) * random() * 0.2);
  }

  return {
    probed,
    stop() {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      limited.clearQueue();
    },
  };

  /** Undefined if the process was frozen meanwhile (Cloud Run takes the CPU from idle instances): the answer says nothing then. */
  async function ask(mirror: Mirror): Promise<boolean | undefined> {
    const started = performance.now();
    const limit = settings.timeoutSeconds * 1000;
    const controller = new AbortController();
    const deadline = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      deadline.resolve(false);
      controller.abort();
    }, limit);
    const stop = (): void => controller.abort();
    stopping.signal.addEventListener("abort", stop, { once: true });
    const answer = await Promise.race([probe(mirror, controller.signal).catch(() => false), deadline.promise]);
    clearTimeout(timer);
    stopping.signal.removeEventListener("abort", stop);
    return performance.now() - started > 2 * limit + 1000 ? undefined : answer;
  }

  function later(work: () => Promise<void>, ms: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      void work();
    }, ms);
    timer.unref();
    timers.add(timer);
  }
}

/** Asks a mirror whether it is there: {@link isServing}. */
export async function probeMirror(mirror: Mirror, signal: AbortSignal): Promise<boolean> {
  const { url, probePath } = mirror.site;
  const target =
    probePath !== undefined ? url + probePath : url.includes("/v2/") ? new URL("/v2/", url).href : `${url}/`;
  const response = await fetch(target, { method: "HEAD", signal, redirect: "manual" });
  await response.body?.cancel();
  return isServing(response.status, probePath !== undefined);
}
