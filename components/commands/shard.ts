import { createHash } from "node:crypto";
import { cloudRunTask } from "../promotion/run/cloud-run-task.ts";
import { UsageError } from "./command.ts";

/** One of `count` equal parts of the work, `index` from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/**
 * Reads `3/20`; without it, what Cloud Run tells the tasks of a job (CLOUD_RUN_TASK_INDEX from 0, CLOUD_RUN_TASK_COUNT); without that,
 * everything. Throws UsageError.
 */
export function parseShard(text: string | undefined, environment: NodeJS.ProcessEnv): Shard {
  const { index: task, count: tasks } = cloudRunTask(environment);
  if (text === undefined && (task === undefined || tasks === undefined)) return { index: 1, count: 1 };
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text ?? `${task && Number(task) + 1}/${tasks}`) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (!(shard.index >= 1 && shard.index <= shard.count)) {
    const given =
      text === undefined ? `CLOUD_RUN_TASK_INDEX ${task}, CLOUD_RUN_TASK_COUNT ${tasks}` : `--shard ${text}`;
    throw new UsageError(`${given}: must be I/N, such as 3/20 for the third part of 20`);
  }
  return shard;
}

/**
 * Whether a thing (a project's image or file) is in a part; every thing is in exactly one.
 * @internal exported for its tests.
 */
export function inShard(shard: Shard, project: string, thing: string): boolean {
  if (shard.count === 1) return true;
  const hash = createHash("sha256").update(`${project}\n${thing}`).digest();
  return hash.readUInt32BE() % shard.count === shard.index - 1;
}

/**
 * The lines of a text whose image (all of it, by name) or path is in a part: `+ ...` and `- ...` of a `Differences` text, or wanted lines.
 * @param signed the lines begin with a sign and a space.
 */
export function linesInShard(
  shard: Shard,
  project: string,
  kind: "images" | "files",
  text: string,
  signed: "signed" | "unsigned" = "signed",
): string {
  const start = signed === "signed" ? 2 : 0;
  return text
    .split("\n")
    .filter((line) => line !== "" && inShard(shard, project, shardKeyOf(kind, line.slice(start))))
    .map((line) => `${line}\n`)
    .join("");
}

/** The name of a line's image or file; the tag and the digest come after it. */
function shardKeyOf(kind: "images" | "files", line: string): string {
  if (kind === "files") return line.slice(0, line.lastIndexOf(" "));
  const at = line.search(/[:@]/);
  return at < 0 ? line : line.slice(0, at);
}
