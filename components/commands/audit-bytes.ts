/** `artifacts audit` with --bytes, --start or --status: every byte of mirrors is read back, from here or by Cloud Run jobs beside them. */
import { auditJobName, fillBucket } from "../mirrors/fill-names.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatBytes } from "../promotion/text/format-bytes.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { AuditFindings } from "./audit-findings.ts";
import { auditOrderOf } from "./audit-order.ts";
import { exitCodes } from "./exit-codes.ts";
import { inFillBucket } from "./fill-bucket.ts";
import { executionInWords, executionsAtOnce, type FillExecution, FillExecutions } from "./fill-executions.ts";
import { mirrorOrderOf } from "./fill-order.ts";
import { fillProgram, startJob, whyNoJob } from "./fill-start.ts";
import { everySeconds, untilEnded } from "./fill-wait.ts";
import { interruptible } from "./interruptible.ts";
import { MirrorFailures } from "./mirror-failures.ts";
import { printError, printJson, printNote, printResult } from "./output.ts";
import type { ProductionSources } from "./production.ts";
import { type Finding, findingInWords, type ReadBack, readBack } from "./read-back.ts";
import type { Shard } from "./shard.ts";

/** What was read of one mirror. */
interface MirrorAudit {
  readonly mirror: string;
  readonly wanted: number;
  readonly read: number;
  readonly bytes: number;
  /** How many findings there are. */
  readonly found: number;
  /** The first thousands of them. */
  readonly findings: readonly Finding[];
  readonly unreadable: readonly string[];
  readonly execution?: FillExecution;
}

/** Reads mirrors from here. */
export async function auditBytes(
  production: ProductionSources,
  mirrors: readonly string[],
  shard: Shard,
): Promise<void> {
  const audits: MirrorAudit[] = [];
  await interruptible(async (signal) => {
    for (const mirror of mirrors) {
      const tell = everySeconds(10);
      const order = mirrorOrderOf(production, mirror, new Set());
      const all = await readBack(order, shard, signal, undefined, ({ read, wanted, bytes, found }) =>
        tell(
          `${mirror}: ${formatCount(read)} of ${formatCount(wanted)} read, ${formatBytes(bytes)}, ${countOf(found, "finding")}`,
        ),
      );
      audits.push(sumOf(mirror, [all]));
      printAudit(audits.at(-1)!);
    }
  });
  conclude(audits);
}

/** Starts the jobs that read mirrors. One that cannot be started holds back no other. @param archive the program of the tasks; undefined: it is built. */
export async function startAudits(
  production: ProductionSources,
  mirrors: readonly string[],
  { stack, archive, wait }: { readonly stack: string; readonly archive?: string | undefined; readonly wait: boolean },
): Promise<void> {
  const config = { ...production.config, job: auditJobName } as const;
  const executions = new FillExecutions(config);
  const findings = fillBucket(config.googlePrefix);
  const started: { mirror: string; started: boolean; execution: FillExecution }[] = [];
  const failures = new MirrorFailures();
  const audits: MirrorAudit[] = [];
  let built: Promise<Buffer> | undefined;
  const program = () => (built ??= fillProgram(archive));
  const withJob = mirrors.filter((mirror) => whyNoJob(config, mirror) === undefined);
  const atOnce = await executionsAtOnce(config, withJob, executions);
  await interruptible(async (signal) => {
    for (const mirror of mirrors) {
      const noJob = whyNoJob(config, mirror);
      if (noJob !== undefined) {
        failures.add(mirror, `${noJob}: run npx artifacts audit --stack ${stack} --bytes --mirror ${mirror}`);
        continue;
      }
      await failures.of(mirror, signal, async () => {
        const latest = await executions.latest(mirror);
        const running = latest?.state === "running" ? latest : undefined;
        const order = auditOrderOf(production, mirror, findings);
        const execution = running ?? (await startJob(config, order, { program, atOnce }, signal));
        const { name, region, tasks, since } = execution;
        started.push({ mirror, started: running === undefined, execution });
        printResult(
          running === undefined
            ? `${mirror}: started ${name} in ${region}, ${formatCount(tasks)} tasks`
            : `${mirror}: ${name} in ${region} reads it since ${since}: nothing was started`,
        );
      });
    }
    if (!wait) return;
    for (const { mirror, execution } of started)
      await failures.of(mirror, signal, async () => {
        audits.push(await foundBy(config, mirror, await untilEnded(config, execution, signal), signal));
      });
  });
  if (wait) return conclude(audits, failures);
  if (started.length > 0)
    printNote(`next: npx artifacts audit --stack ${stack} --status: what they have found by then`);
  printJson({ mirrors: started, failures: failures.lines });
  if (failures.lines.length > 0) process.exitCode = exitCodes.error;
}

/** Says what the latest job has found in each of these mirrors. Of one that none has read it says nothing; one that cannot be asked after holds back no other. */
export async function auditStatus(production: ProductionSources, mirrors: readonly string[]): Promise<void> {
  const { config } = production;
  const executions = new FillExecutions({ ...config, job: auditJobName } as const);
  const failures = new MirrorFailures();
  const audits: MirrorAudit[] = [];
  await interruptible(async (signal) => {
    if (config.fillAbove === undefined) return; // there is no job
    for (const mirror of mirrors)
      await failures.of(mirror, signal, async () => {
        const execution = await executions.latest(mirror);
        if (execution !== undefined) audits.push(await foundBy(config, mirror, execution, signal));
      });
  });
  if (audits.length + failures.lines.length === 0) printResult("no job has read a mirror back");
  conclude(audits, failures);
}

/** Reads what an execution has found by now, and prints it. @throws CommandError */
async function foundBy(
  config: ProductionSources["config"],
  mirror: string,
  execution: FillExecution,
  signal: AbortSignal,
): Promise<MirrorAudit> {
  const parts = await inFillBucket(config, (bucket) => new AuditFindings(bucket, execution.name, signal).all());
  const sum = sumOf(mirror, parts);
  const isWhole = parts.length === execution.tasks || execution.state === "running";
  const lost = `${execution.name}: ${countOf(execution.tasks - parts.length, "task")} left no findings, which are kept for a year: start it again`;
  const unreadable = isWhole ? sum.unreadable : [...sum.unreadable, lost];
  const audit = { ...sum, unreadable, execution };
  printAudit(audit);
  return audit;
}

function sumOf(mirror: string, parts: readonly ReadBack[]): MirrorAudit {
  const total = (of: (part: ReadBack) => number) => parts.reduce((all, part) => all + of(part), 0);
  return {
    mirror,
    wanted: total(({ wanted }) => wanted),
    read: total(({ read, unread }) => read - unread.length),
    bytes: total(({ bytes }) => bytes),
    found: total(({ found }) => found),
    findings: parts.flatMap(({ findings }) => findings),
    unreadable: parts.flatMap(({ unreadable }) => unreadable),
  };
}

function printAudit({ mirror, wanted, read, bytes, found, findings, unreadable, execution }: MirrorAudit): void {
  if (execution !== undefined) printResult(`${mirror}: ${executionInWords(execution)}`);
  printResult(
    `${mirror}: ${formatCount(read)} of ${formatCount(wanted)} read, ${formatBytes(bytes)}; ${found === 0 ? "every byte is right" : countOf(found, "finding")}`,
  );
  for (const finding of findings.slice(0, shown))
    printResult(escapeUnprintable(`${mirror}: ${findingInWords(finding)}`));
  if (found > shown) printResult(`... and ${formatCount(found - shown)} more`);
  for (const line of unreadable.slice(0, shown)) printError(escapeUnprintable(line));
}

/** Prints the JSON, and sets the exit code. @param failures of mirrors that could not be asked after. */
function conclude(audits: readonly MirrorAudit[], failures: Pick<MirrorFailures, "lines"> = { lines: [] }): void {
  printJson({ mirrors: audits, failures: failures.lines });
  const hasFailed = audits.some(
    ({ unreadable, execution }) =>
      unreadable.length > 0 || execution?.state === "failed" || execution?.state === "cancelled",
  );
  const isWrong = audits.some(({ found }) => found > 0);
  process.exitCode = isWrong
    ? exitCodes.differs
    : hasFailed || failures.lines.length > 0
      ? exitCodes.error
      : exitCodes.ok;
}

/** Findings and errors that are printed; --json has all. */
const shown = 50;
