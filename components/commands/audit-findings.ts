/** What the tasks of an audit have found, in the bucket of the jobs: where they are, and from where another attempt goes on. */
import { gunzipSync, gzipSync } from "node:zlib";
import { findingsFolder } from "../mirrors/fill-names.ts";
import { readAll } from "../promotion/blobs/fan-out.ts";
import { type Bucket, ObjectExists, type Stored } from "../promotion/storage/bucket.ts";
import { createSmall } from "../promotion/storage/small-object.ts";
import type { ReadBack } from "./read-back.ts";

/** Written again and again under new names, as the tasks may add objects and replace none. */
export class AuditFindings {
  readonly #bucket: Bucket;
  readonly #folder: string;
  readonly #signal: AbortSignal;

  /** @param execution short name of the execution of the job. */
  constructor(bucket: Bucket, execution: string, signal: AbortSignal) {
    this.#bucket = bucket;
    this.#folder = `${findingsFolder}${execution}/`;
    this.#signal = signal;
  }

  /** Saves what a task has read so far. @param part number of this save in the attempt; the last one counts. */
  async save(task: number, attempt: number, part: number, now: ReadBack): Promise<void> {
    const key = `${this.#folder}${digits(task, 5)}/${digits(attempt, 3)}-${digits(part, 6)}.json.gz`;
    try {
      await createSmall(this.#bucket, key, gzipSync(JSON.stringify(now)), this.#signal);
    } catch (error) {
      if (!(error instanceof ObjectExists)) throw error; // a request of ours was repeated
    }
  }

  /** What one task has saved last. */
  async of(task: number): Promise<ReadBack | undefined> {
    return (await this.#latest(`${digits(task, 5)}/`)).at(0);
  }

  /** What each task has saved last, of those that have. */
  async all(): Promise<ReadBack[]> {
    return await this.#latest("");
  }

  async #latest(prefix: string): Promise<ReadBack[]> {
    const latest = new Map<string, Stored>();
    for await (const object of this.#bucket.list(this.#folder + prefix, this.#signal))
      latest.set(object.key.slice(0, object.key.lastIndexOf("/")), object);
    return await Promise.all(
      [...latest.values()].map(async (object) => {
        const bytes = await Array.fromAsync(readAll(this.#bucket, object, this.#signal));
        return JSON.parse(gunzipSync(Buffer.concat(bytes)).toString("utf8")) as ReadBack;
      }),
    );
  }
}

function digits(number: number, count: number): string {
  return `${number}`.padStart(count, "0");
}
