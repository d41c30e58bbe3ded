import { write } from "node:fs";

/** Severities of Cloud Logging (LogSeverity). */
export type LogSeverity = "INFO" | "NOTICE" | "WARNING" | "ERROR";

/** A log of one JSON object per line, with the field names of Cloud Logging ("structured logging"). */
export interface Log {
  /** Writes one entry. `fields` must not contain secrets, nor more of a client's address than the configuration allows. */
  entry(severity: LogSeverity, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Number of lines dropped, because the reader was too slow. */
  readonly dropped: number;
  /** Resolves when all entries so far are written, or the descriptor is closed. */
  flush(): Promise<void>;
}

/** Lines are batched for this long, so that a busy instance writes many at once. */
const gatherMs = 50;
const longestBacklog = 1024 * 1024;

/** A log to a file descriptor. Never blocks: up to 1 MiB is buffered for a slow reader, further lines are dropped and counted. */
export function logTo(descriptor: number, now: () => Date = () => new Date()): Log {
  let lines = "";
  let writing: Promise<void> | undefined;
  let dropped = 0;

  async function work(gather: boolean): Promise<void> {
    if (gather) await new Promise((resolve) => setTimeout(resolve, gatherMs));
    while (lines !== "") {
      let rest: Uint8Array = Buffer.from(lines);
      lines = "";
      while (rest.length > 0) {
        const written = await writeSome(descriptor, rest);
        if (written === undefined) return; // the descriptor is closed: the error cannot be logged anywhere
        rest = rest.subarray(written);
      }
    }
  }

  function start(gather: boolean): void {
    writing ??= work(gather).finally(() => {
      writing = undefined;
    });
  }

  return {
    entry(severity, message, fields) {
      if (lines.length > longestBacklog) {
        dropped++;
        return;
      }
      lines += `${JSON.stringify({ severity, time: now().toISOString(), message, ...fields })}\n`;
      start(severity === "INFO");
    },
    get dropped() {
      return dropped;
    },
    async flush() {
      await writing;
      if (lines !== "") {
        start(false);
        await writing;
      }
    },
  };
}

/** Writes what the descriptor accepts. Returns the number of bytes, 0 if it is not ready, undefined if it is closed. */
async function writeSome(descriptor: number, bytes: Uint8Array): Promise<number | undefined> {
  return await new Promise((resolve) => {
    write(descriptor, bytes, (error, written) => {
      if (!error) resolve(written);
      else if (error.code === "EAGAIN") setTimeout(() => resolve(0), 10);
      else resolve(undefined);
    });
  });
}
