import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { Command, Option } from "@commander-js/extra-typings";
import { formatBytes } from "../promotion/text/format-bytes.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { exportedState } from "./exported-state.ts";
import { inFillBucket, linesWithdrawnSince } from "./fill-bucket.ts";
import { cancelFill } from "./fill-cancel.ts";
import { executionInWords, executionsAtOnce, type FillExecution, FillExecutions } from "./fill-executions.ts";
import { type Filled, fillMirror } from "./fill-mirror.ts";
import { fillOrderOf } from "./fill-order.ts";
import { type FillStart, fillProgram, startFill, whyNoJob } from "./fill-start.ts";
import { everySeconds, untilEnded } from "./fill-wait.ts";
import { interruptible } from "./interruptible.ts";
import { latestFills, withReports } from "./latest-fills.ts";
import { MirrorFailures } from "./mirror-failures.ts";
import { mirrorsNamed, mirrorsOfProduction } from "./mirrors-named.ts";
import { printError, printJson, printNote, printResult } from "./output.ts";
import { type ProductionSources, readProduction } from "./production.ts";
import { withProduction } from "./production-options.ts";
import { repeated } from "./repeated.ts";
import { parseShard, type Shard } from "./shard.ts";
import { promotionStatus } from "./status-report.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts fill`. */
export const fillCommand = withProduction(
  new Command("fill")
    .summary("bring to a mirror what it lacks, outside of the stack's lock")
    .description(
      "Brings to a new mirror, or one that was made again, what it lacks, from the mirrors that are nearest to it, without the Pulumi engine. Removes nothing. Goes on where a run that was killed stopped; parts may run at the same time. With --start a Cloud Run job near the mirror does it, with --cancel it stops. Exit code 3 with --status: something is missing; 1: something could not be read, copied or started.",
    )
    .option(
      "--mirror <name>",
      "the mirror to fill, e.g. images-us-central1, files-aws-us-east-1 (may be repeated); the others are read only. With --start and --status it may be left out: the mirrors that the last deployment left to a fill",
      repeated,
      [],
    )
    .addOption(
      new Option(
        "--start",
        "run the Cloud Run job of the nearest region, and return; for a mirror that is being filled by one only where that would bring what was withdrawn since: it is cancelled, and another started",
      ).conflicts(["status", "order", "shard", "cancel"]),
    )
    .addOption(
      new Option(
        "--cancel <which>",
        "cancel the Cloud Run jobs that fill mirrors (--mirror: only these), and wait until they have ended. all: whatever they do; outdated: those that would bring what was withdrawn since they were started, before a deployment removes it",
      )
        .choices(["outdated", "all"])
        .conflicts(["status", "order", "shard", "project"]),
    )
    .addOption(
      new Option(
        "--archive <file>",
        "with --start: the program that the tasks run, made by build-fill; without it, it is built",
      ).implies({
        start: true,
      }),
    )
    .addOption(
      new Option("--wait", "with --start: until the jobs have ended. Exit code 1: one of them failed").implies({
        start: true,
      }),
    )
    .option(
      "--status",
      "print how much of what it shall have each mirror has, and the latest Cloud Run job that filled it, and do nothing",
    )
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
    "one JSON document: {mirrors: [{mirror, wanted, missing, done, bytes, failures, warnings, execution}]}; wanted: lines of the manifests; missing: those that the mirror lacked; done: steps; execution: with --status, the latest one that filled it, {region, name, mirror, order, state, tasks, running, succeeded, failed, retried, givenUp, failures, since, until, log}. With --start: {mirrors: [{mirror, started, execution, cancelled, unreadable}], failures}; with --cancel: {mirrors: [{mirror, execution}], failures}",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const shard = parseShard(values.shard, process.env);
    if (values.mirror.length === 0 && values.start !== true && values.status !== true && values.cancel === undefined)
      throw new UsageError("--mirror: name the mirror to fill; --start and --status know those that a deployment left");
    const production = await readProduction(values, values.project);
    mirrorsNamed(production, values.mirror);
    if (values.order !== undefined) {
      await writeOrder(production, values.mirror, values.order);
      return;
    }
    if (values.cancel !== undefined) {
      await cancel(production, values.mirror, values.cancel);
      return;
    }
    const mirrors = values.mirror.length > 0 ? values.mirror : await leftMirrors(production, values.stack);
    if (mirrors.length === 0) printResult("no mirror is left to a fill");
    if (values.start === true) await start(production, mirrors, values);
    else await fill(production, mirrors, shard, values.status === true);
  });

/** The mirrors that the last deployment left to a fill, by the stack's state, and that the stack still has. */
async function leftMirrors(production: ProductionSources, stack: string): Promise<readonly string[]> {
  if (production.config.fillAbove === undefined) return [];
  const { state, exported } = production;
  const there = mirrorsOfProduction(production);
  const { filling } = promotionStatus(exported ?? (await exportedState(stack, undefined)), state ?? "the state", []);
  return filling.filter((name) => there.has(name));
}

async function writeOrder(production: ProductionSources, named: readonly string[], file: string): Promise<void> {
  const [mirror = "", ...others] = named;
  if (others.length > 0) throw new UsageError("--order: an order is about one mirror");
  await writeFile(file, gzipSync(JSON.stringify(fillOrderOf(production, mirror, new Set()))));
  printNote(`the order to fill ${mirror}: ${file}`);
  printJson({ mirrors: [] });
}

/** Fills mirrors from here, or looks at them. */
async function fill(
  production: ProductionSources,
  names: readonly string[],
  shard: Shard,
  isStatus: boolean,
): Promise<void> {
  const only = isStatus ? ({ only: "look" } as const) : {};
  const mirrors: (Filled & { readonly mirror: string; readonly execution?: FillExecution })[] = [];
  const executions = isStatus ? await latestFills(production.config, names) : new Map<string, FillExecution>();
  await interruptible(async (signal) => {
    for (const mirror of names) {
      const order = fillOrderOf(production, mirror, new Set(names));
      const tell = everySeconds(10);
      const filled = await fillMirror(order, shard, { ...only, signal }, ({ done, missing, bytes }) =>
        tell(`${mirror}: ${formatCount(done)} steps done, ${formatCount(missing)} missing, ${formatBytes(bytes)}`),
      );
      const execution = executions.get(mirror);
      mirrors.push({ mirror, ...filled, ...(execution && { execution }) });
      printFilled(mirror, filled, isStatus);
      if (execution !== undefined) printExecution(mirror, execution);
    }
  });
  printJson({ mirrors });
  const isMissing = isStatus && mirrors.some(({ missing }) => missing > 0);
  const hasFailed = mirrors.some(({ failures }) => failures.length > 0);
  process.exitCode = hasFailed ? exitCodes.error : isMissing ? exitCodes.differs : exitCodes.ok;
}

function printFilled(mirror: string, filled: Filled, isStatus: boolean): void {
  const { wanted, missing, done, bytes, failures, warnings } = filled;
  const has = `${mirror}: ${formatCount(wanted - missing)} of ${formatCount(wanted)}`;
  printResult(isStatus ? `${has} there` : `${has} were there; ${formatCount(done)} steps done, ${formatBytes(bytes)}`);
  for (const warning of warnings) printResult(`warning: ${warning}`);
  for (const failure of failures) printError(failure);
}

/** Starts the jobs that fill mirrors. One that cannot be started holds back no other. */
async function start(
  production: ProductionSources,
  mirrors: readonly string[],
  values: {
    readonly stack: string;
    readonly archive?: string | undefined;
    readonly wait?: boolean | undefined;
    readonly mirror: readonly string[];
    readonly project: readonly string[];
  },
): Promise<void> {
  const { config } = production;
  const byHand = (mirror: string) => `run npx artifacts fill --stack ${values.stack} --mirror ${mirror}`;
  const started: FillStart[] = [];
  const failures = new MirrorFailures();
  let program: Promise<Buffer> | undefined;
  const executions = new FillExecutions(config);
  const means = {
    production,
    projects: values.project,
    filling: new Set(mirrors),
    executions,
    atOnce: await executionsAtOnce(
      config,
      mirrors.filter((mirror) => whyNoJob(config, mirror) === undefined),
      executions,
    ),
    program: () => (program ??= fillProgram(values.archive)),
  };
  await interruptible(async (signal) => {
    for (const mirror of new Set(mirrors)) {
      const noJob = whyNoJob(config, mirror);
      if (noJob !== undefined) {
        const why = `${noJob}: ${byHand(mirror)}`;
        // Left by a deployment: the others are what it is called for.
        if (values.mirror.length > 0) failures.add(mirror, why);
        else printResult(`warning: ${mirror}: ${why}`);
        continue;
      }
      await failures.of(mirror, signal, async () => {
        const one = await startFill(config, means, mirror, signal);
        started.push(one);
        printStart(one);
        if (one.unreadable.length > 0) {
          const projects = one.unreadable.join(", ");
          failures.add(mirror, `only stores with keys, which a job has not, have ${projects}: ${byHand(mirror)}`);
        }
      });
    }
    if (started.length > 0)
      printNote(
        `next: npx artifacts fill --stack ${values.stack} --status: what is there by then; the next deployment sees the end`,
      );
    if (values.wait === true)
      for (const { mirror, execution } of started)
        await failures.of(mirror, signal, async () => {
          const ended = await withReports(config, await untilEnded(config, execution, signal));
          printExecution(mirror, ended);
          if (ended.state !== "succeeded")
            failures.add(mirror, `${ended.name} ${ended.state}: see its log, ${ended.log}`);
        });
  });
  printJson({ mirrors: started, failures: failures.lines });
  process.exitCode = failures.lines.length > 0 ? exitCodes.error : exitCodes.ok;
}

function printStart({ mirror, started, execution, cancelled }: FillStart): void {
  const { name, region, tasks, since, log } = execution;
  if (cancelled !== undefined)
    printResult(
      `${mirror}: cancelled ${cancelled.name}, whose order had what is not wanted any more; where a deployment removed that meanwhile, artifacts sync removes what came back`,
    );
  printResult(
    started
      ? `${mirror}: started ${name} in ${region}, ${formatCount(tasks)} tasks`
      : `${mirror}: ${name} in ${region} fills it since ${since}: nothing was started`,
  );
  if (log !== "") printNote(`log: ${log}`);
}

/**
 * Cancels the executions that fill these mirrors, all if none is named, and waits until they have ended.
 * @param which `outdated`: only those whose order has what is not wanted any more.
 */
async function cancel(
  production: ProductionSources,
  mirrors: readonly string[],
  which: "outdated" | "all",
): Promise<void> {
  const { config } = production;
  const cancelled: { readonly mirror: string; readonly execution: FillExecution }[] = [];
  const failures = new MirrorFailures();
  await interruptible(async (signal) => {
    const running = config.fillAbove === undefined ? [] : await new FillExecutions(config).running();
    const named = running.filter(({ mirror }) => mirrors.length === 0 || mirrors.includes(mirror));
    await Promise.all(
      named.map((execution) =>
        failures.of(execution.mirror, signal, async () => {
          const { mirror, name, region } = execution;
          if (which === "outdated" && (await withdrawnFrom(production, execution, signal)) === 0) return;
          const ended = await cancelFill(config, execution, signal);
          cancelled.push({ mirror, execution: ended });
          printResult(
            `${mirror}: ${ended.state === "cancelled" ? "cancelled" : "ended by itself:"} ${name} in ${region}`,
          );
        }),
      ),
    );
  });
  if (cancelled.length + failures.lines.length === 0) printResult("no fill runs that is to be cancelled");
  printJson({ mirrors: cancelled, failures: failures.lines });
  process.exitCode = failures.lines.length > 0 ? exitCodes.error : exitCodes.ok;
}

async function withdrawnFrom(
  production: ProductionSources,
  execution: FillExecution,
  signal: AbortSignal,
): Promise<number | undefined> {
  const now = fillOrderOf(production, execution.mirror, new Set());
  return await inFillBucket(production.config, (bucket) => linesWithdrawnSince(bucket, execution, now, [], signal));
}

function printExecution(mirror: string, execution: FillExecution): void {
  printResult(`${mirror}: ${executionInWords(execution)}`);
  for (const failure of execution.failures) printResult(`given up: ${escapeUnprintable(failure)}`);
}
