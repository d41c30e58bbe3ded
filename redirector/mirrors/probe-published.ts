import { sendHead } from "./existence.ts";
import { probeMirror } from "./health.ts";
import type { Mirror } from "./mirrors.ts";
import type { PublishedCheck, PublishedObjects } from "./published-objects.ts";
import { objectStatus } from "./status-meaning.ts";

/** What a probe tells others. */
export interface ProbeNews {
  /** The mirror limits the rate of requests. */
  readonly limitsRate: (mirror: string) => void;
  /** The mirror lacks, or does not serve, an object that it should have. */
  readonly lost: (mirror: string, url: string) => void;
}

/** Sends HEAD. @returns the status. */
type SendHead = (url: string, signal: AbortSignal) => Promise<number>;

/**
 * The probe of a mirror whose clients are sent there without a check. It asks for an object that was published there and that a client has asked for since the last
 * probe, in place of the mirror's root: so a mirror that has lost something is found out without a request more. Where there is no such object, or it fails, the
 * mirror's own probe decides whether it is healthy.
 */
export function probePublished(
  published: Pick<PublishedObjects, "takeSample" | "doubt">,
  news: ProbeNews,
  head: SendHead = sendHead,
  probe: (mirror: Mirror, signal: AbortSignal) => Promise<boolean> = probeMirror,
): (mirror: Mirror, signal: AbortSignal) => Promise<boolean> {
  return async (mirror, signal) => {
    const { name, probePath } = mirror.site;
    const sample = probePath === undefined ? published.takeSample(name) : undefined;
    if (sample === undefined) return probe(mirror, signal);
    switch (await statusOf(sample, signal, head)) {
      case "present":
        return true;
      case "busy":
        news.limitsRate(name);
        return true;
      case "failing":
        published.doubt(name);
        return probe(mirror, signal);
      default:
        published.doubt(name);
        news.lost(name, sample.url);
        return true;
    }
  };
}

async function statusOf({ url }: PublishedCheck, signal: AbortSignal, head: SendHead) {
  try {
    return objectStatus(await head(url, signal));
  } catch {
    return "failing";
  }
}
