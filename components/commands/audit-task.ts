import { cloudRunTask } from "../promotion/run/cloud-run-task.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatBytes } from "../promotion/text/format-bytes.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { AuditFindings } from "./audit-findings.ts";
import type { AuditOrder } from "./audit-order.ts";
import { printResult } from "./output.ts";
import { findingInWords, type ReadBack, readBack } from "./read-back.ts";
import type { Shard } from "./shard.ts";

/** What a task is told by Cloud Run, and how often it saves where it is. */
export interface AuditTaskOptions {
  readonly signal: AbortSignal;
  readonly environment: NodeJS.ProcessEnv;
  /** ms between two saves, each with a line of the log. */
  readonly saveEvery?: number;
  /** Receives the lines of the log. */
  readonly write?: (line: string) => void;
}

/**
 * A task of the Cloud Run job that reads a mirror back. Saves where it is: another attempt goes on from there.
 * @returns what it has found: that is no failure, so nobody tries the task again for it. What could not be read is.
 */
export async function auditTask(
  order: AuditOrder,
  shard: Shard,
  { signal, environment, saveEvery = 30_000, write = printResult }: AuditTaskOptions,
): Promise<ReadBack> {
  const storage = openStorage(order.storage);
  try {
    const bucket = storage.open({ kind: "gcs", bucket: order.findings });
    const { execution = "", attempt } = cloudRunTask(environment);
    const saved = new AuditFindings(bucket, execution, signal);
    const task = shard.index - 1;
    const from = await saved.of(task);
    const log = new AuditLog(order.mirror, shard, from, write);
    let now = from;
    let part = 0;
    const timer = setInterval(() => {
      if (now === undefined) return;
      log.line("audit", now);
      // The next one says more.
      saved.save(task, attempt, part++, now).catch(() => {});
    }, saveEvery);
    try {
      now = await readBack(order, shard, signal, from, (told) => {
        now = told;
      });
    } finally {
      clearInterval(timer);
    }
    await saved.save(task, attempt, part, now);
    log.ended(now);
    return now;
  } finally {
    await storage.close();
  }
}

/** Lines of JSON, which Cloud Run makes entries of Cloud Logging of. The numbers are those since the line before. */
class AuditLog {
  readonly #mirror: string;
  readonly #shard: Shard;
  readonly #write: (line: string) => void;
  #told: Pick<ReadBack, "read" | "bytes">;

  constructor(mirror: string, shard: Shard, from: ReadBack | undefined, write: (line: string) => void) {
    this.#mirror = mirror;
    this.#write = write;
    this.#shard = shard;
    this.#told = from ?? { read: 0, bytes: 0 };
  }

  line(event: "audit" | "audit-ended", { wanted, read, unread, bytes, found }: ReadBack): void {
    const { index, count } = this.#shard;
    const message = `audit of ${this.#mirror}, part ${index} of ${count}: ${formatCount(read - unread.length)} of ${formatCount(wanted)} read, ${formatBytes(bytes)}; ${countOf(found, "finding")}${unread.length > 0 ? `, ${formatCount(unread.length)} could not be read` : ""}`;
    const severity = found + unread.length > 0 ? "ERROR" : event === "audit" ? "INFO" : "NOTICE";
    const since = { read: read - this.#told.read, bytes: bytes - this.#told.bytes };
    this.#told = { read, bytes };
    const fields = { mirror: this.#mirror, task: index - 1, ...since, found, unread: unread.length };
    this.#write(JSON.stringify({ severity, message, event, ...fields }));
  }

  ended(now: ReadBack): void {
    for (const line of [...now.findings.slice(0, mostLines).map(findingInWords), ...now.unreadable.slice(0, mostLines)])
      this.#write(JSON.stringify({ severity: "WARNING", message: escapeUnprintable(line), mirror: this.#mirror }));
    this.line("audit-ended", now);
  }
}

/** More than anybody reads in a log: the bucket has the others. */
const mostLines = 50;
