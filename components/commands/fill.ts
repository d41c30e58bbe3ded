import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { Command } from "@commander-js/extra-typings";
import { formatBytes } from "../promotion/text/format-bytes.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { type Filled, fillMirror } from "./fill-mirror.ts";
import { fillOrderOf } from "./fill-order.ts";
import { interruptible } from "./interruptible.ts";
import { mirrorsNamed } from "./mirrors-named.ts";
import { printError, printJson, printNote, printProgress, printResult } from "./output.ts";
import { readProduction } from "./production.ts";
import { withProduction } from "./production-options.ts";
import { repeated } from "./repeated.ts";
import { parseShard } from "./shard.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts fill`. */
export const fillCommand = withProduction(
  new Command("fill")
    .summary("bring to a mirror what it lacks, outside of the stack's lock")
    .description(
      "Brings to a new mirror, or one that was made again, what it lacks, from the mirrors that are nearest to it, without the Pulumi engine. Removes nothing. Goes on where a run that was killed stopped; parts may run at the same time. Exit code 3 with --status: something is missing; 1: something could not be read or copied.",
    )
    .requiredOption(
      "--mirror <name>",
      "the mirror to fill, e.g. images-us-central1, files-aws-us-east-1 (may be repeated); the others are read only",
      repeated,
    )
    .option("--status", "print how much of what it shall have each mirror has, and do nothing")
    .option(
      "--order <file>",
      "write to this file what a task of a Cloud Run job needs to know of the fill of one mirror, and do nothing else",
    )
    .option("--project <name>", "only this project (may be repeated)", repeated, [])
    .option(
      "--shard <i/n>",
      "only part I of N equal parts of the work; in a Cloud Run job each task takes its own part",
    ),
)
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {mirrors: [{mirror, wanted, missing, done, bytes, failures, warnings}]}; wanted: lines of the manifests; missing: those that the mirror lacked; done: steps",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const shard = parseShard(values.shard, process.env);
    const production = await readProduction(values, values.project);
    mirrorsNamed(production, values.mirror);
    if (values.order !== undefined) {
      const [mirror = "", ...others] = values.mirror;
      if (others.length > 0) throw new UsageError("--order: an order is about one mirror");
      await writeFile(values.order, gzipSync(JSON.stringify(fillOrderOf(production, mirror, new Set()))));
      printNote(`the order to fill ${mirror}: ${values.order}`);
      printJson({ mirrors: [] });
      return;
    }
    const only = values.status === true ? ({ only: "look" } as const) : {};
    const mirrors: (Filled & { readonly mirror: string })[] = [];
    await interruptible(async (signal) => {
      for (const mirror of values.mirror) {
        const order = fillOrderOf(production, mirror, new Set(values.mirror));
        const tell = everySeconds(10);
        const filled = await fillMirror(order, shard, { ...only, signal }, ({ done, missing, bytes }) =>
          tell(`${mirror}: ${formatCount(done)} steps done, ${formatCount(missing)} missing, ${formatBytes(bytes)}`),
        );
        mirrors.push({ mirror, ...filled });
        printFilled(mirror, filled, values.status === true);
      }
    });
    printJson({ mirrors });
    const isMissing = values.status === true && mirrors.some(({ missing }) => missing > 0);
    const hasFailed = mirrors.some(({ failures }) => failures.length > 0);
    process.exitCode = hasFailed ? exitCodes.error : isMissing ? exitCodes.differs : exitCodes.ok;
  });

function printFilled(mirror: string, filled: Filled, isStatus: boolean): void {
  const { wanted, missing, done, bytes, failures, warnings } = filled;
  const has = `${mirror}: ${formatCount(wanted - missing)} of ${formatCount(wanted)}`;
  printResult(isStatus ? `${has} there` : `${has} were there; ${formatCount(done)} steps done, ${formatBytes(bytes)}`);
  for (const warning of warnings) printResult(`warning: ${warning}`);
  for (const failure of failures) printError(failure);
}

/** Prints a line of progress at most so often. */
function everySeconds(seconds: number): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < seconds * 1_000) return;
    last = Date.now();
    printProgress(line);
  };
}
