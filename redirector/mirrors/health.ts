import pLimit from "p-limit";
import type { RedirectorConfig } from "../config.ts";
import type { Mirror } from "./mirrors.ts";
import { startRounds } from "./rounds.ts";
import { isServing } from "./status-meaning.ts";

type Settings = RedirectorConfig["health"];

/** Probe results of one mirror, for the metrics. */
export interface ProbeCounts {
  succeeded: number;
  failed: number;
  /** Ignored, because the process was suspended during the probe. */
  ignored: number;
  /** Number of changes between healthy and unhealthy. */
  turned: number;
}

/** A mirror and its probe results. */
export interface Probed {
  readonly mirror: Mirror;
  readonly counts: ProbeCounts;
}

/** Probes mirrors until stopped. */
export interface Prober {
  readonly probed: readonly Probed[];
  stop(): void;
}

/** Probe and callbacks. */
export interface ProberOptions {
  /** Whether a mirror serves. A rejection counts as false. */
  readonly probe: (mirror: Mirror, signal: AbortSignal) => Promise<boolean>;
  /** Called when a mirror becomes healthy or unhealthy. */
  readonly turned: (mirror: Mirror) => void;
  /** For the jitter: 0 to 1. */
  readonly random?: () => number;
}

/**
 * Probes each mirror periodically and sets `mirror.healthy`: `unhealthyAfter` failures in a row make it unhealthy, `healthyAfter`
 * successes in a row healthy. After a result that differs from the current state, the next probe follows after `recheckSeconds` instead
 * of `intervalSeconds`. So a dead mirror gets no more clients after at most
 * `1.2 * intervalSeconds + unhealthyAfter * timeoutSeconds + 1.2 * (unhealthyAfter - 1) * recheckSeconds`, as long as fewer
 * than `concurrency` mirrors hang at the same time.
 */
export function startProber(mirrors: readonly Mirror[], settings: Settings, options: ProberOptions): Prober {
  const { probe, turned, random = Math.random } = options;
  const stopping = new AbortController();
  const limited = pLimit(settings.concurrency);

  const probed = mirrors.map((mirror) => ({ mirror, counts: { succeeded: 0, failed: 0, ignored: 0, turned: 0 } }));
  const stops = probed.map(({ mirror, counts }) => {
    let streak = 0;
    const round = async (): Promise<number> => {
      const result = await limited(() => ask(mirror));
      if (stopping.signal.aborted) return settings.intervalSeconds;
      if (result === undefined) {
        counts.ignored++;
        return settings.recheckSeconds;
      }
      if (result) counts.succeeded++;
      else counts.failed++;
      streak = result === mirror.healthy ? 0 : streak + 1;
      if (streak >= (result ? settings.healthyAfter : settings.unhealthyAfter)) {
        streak = 0;
        mirror.healthy = result;
        counts.turned++;
        turned(mirror);
      }
      return streak > 0 ? settings.recheckSeconds : settings.intervalSeconds;
    };
    // The first probes start at once, with jitter.
    return startRounds(round, { firstMs: Math.min(1000, settings.intervalSeconds * 1000) * random() * 0.2, random });
  });

  return {
    probed,
    stop() {
      stopping.abort();
      for (const stop of stops) stop();
      limited.clearQueue();
    },
  };

  /** Undefined if the process was suspended meanwhile (Cloud Run throttles the CPU of idle instances): the result is meaningless then. */
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
    const result = await Promise.race([probe(mirror, controller.signal).catch(() => false), deadline.promise]);
    clearTimeout(timer);
    stopping.signal.removeEventListener("abort", stop);
    return performance.now() - started > 2 * limit + 1000 ? undefined : result;
  }
}

/** Sends HEAD to a mirror and maps the status by {@link isServing}. */
export async function probeMirror(mirror: Mirror, signal: AbortSignal): Promise<boolean> {
  const { url, probePath } = mirror.site;
  const target =
    probePath !== undefined ? url + probePath : url.includes("/v2/") ? new URL("/v2/", url).href : `${url}/`;
  const response = await fetch(target, { method: "HEAD", signal, redirect: "manual" });
  await response.body?.cancel();
  return isServing(response.status, probePath !== undefined);
}
