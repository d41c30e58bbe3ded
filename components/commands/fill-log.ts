import { countOf } from "../promotion/text/count-of.ts";
import { formatBytes } from "../promotion/text/format-bytes.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import type { Filled, FillProgress } from "./fill-mirror.ts";
import { printResult } from "./output.ts";
import type { Shard } from "./shard.ts";

/** ms between two lines. */
const lineEvery = 30_000;

/**
 * Writes the progress of a task as lines of JSON, which Cloud Run makes entries of Cloud Logging of. The numbers `missing`, `copied`, `bytes` and `failed`
 * are those since the line before: metrics add them up, whatever task is tried again.
 */
export class FillLog {
  readonly #mirror: string;
  readonly #shard: Shard;
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #last = 0;
  #told: Pick<FillProgress, "missing" | "done" | "bytes"> = { missing: 0, done: 0, bytes: 0 };

  constructor(mirror: string, shard: Shard, write: (line: string) => void = printResult, now: () => number = Date.now) {
    this.#mirror = mirror;
    this.#shard = shard;
    this.#write = write;
    this.#now = now;
    this.#last = now();
  }

  /** How far it is; called often. */
  progress(progress: FillProgress): void {
    if (this.#now() - this.#last < lineEvery) return;
    this.#line(progress, "INFO", "fill", 0);
  }

  /** The end, with its failures and warnings as lines of their own. @param isGivenUp the failures last: nothing is tried again. */
  ended(filled: Filled, isGivenUp = false): void {
    const { failures, warnings } = filled;
    for (const line of [...failures.slice(0, mostFailures), ...warnings])
      this.#write(JSON.stringify({ severity: "WARNING", message: escapeUnprintable(line), mirror: this.#mirror }));
    this.#line(filled, failures.length === 0 ? "NOTICE" : "ERROR", "fill-ended", failures.length, isGivenUp);
  }

  #line(
    { wanted, missing, done, bytes }: FillProgress,
    severity: string,
    event: string,
    failed: number,
    isGivenUp = false,
  ): void {
    this.#last = this.#now();
    const { index, count } = this.#shard;
    const what = `${formatCount(done)} steps done, ${formatBytes(bytes)}; ${formatCount(missing)} of ${countOf(wanted, "line")} were missing`;
    const message = `fill of ${this.#mirror}, part ${index} of ${count}: ${what}${failed > 0 ? `, ${formatCount(failed)} ${isGivenUp ? "given up" : "failed"}` : ""}`;
    const copied = done - this.#told.done;
    const sent = bytes - this.#told.bytes;
    const found = missing - this.#told.missing;
    this.#told = { missing, done, bytes };
    // One artifact may take hours: bytes count too.
    const progress = copied > 0 || sent > 0 ? 1 : 0;
    const gaveUp = isGivenUp && { givenUp: failed };
    const fields = {
      mirror: this.#mirror,
      task: index - 1,
      missing: found,
      copied,
      bytes: sent,
      failed,
      progress,
      ...gaveUp,
    };
    this.#write(JSON.stringify({ severity, message, event, ...fields }));
  }
}

/** More failures than anybody reads have the same cause. */
const mostFailures = 50;
