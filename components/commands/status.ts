import { Command } from "@commander-js/extra-typings";
import { loadManifests } from "../manifests/load.ts";
import { promotesFiles, promotesImages } from "../manifests/project.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import type { StackConfig } from "../stack/config.ts";
import { readStackFile } from "../stack/stack-file.ts";
import { CommandError } from "./command.ts";
import { type DnssecResponse, dnssecReport, signsZone, zoneSignatures } from "./dnssec.ts";
import { exitCodes } from "./exit-codes.ts";
import { exportedState } from "./exported-state.ts";
import { executionInWords, type FillExecution } from "./fill-executions.ts";
import { whyNoJob } from "./fill-start.ts";
import { latestFills } from "./latest-fills.ts";
import { useLocalStack } from "./local-stack.ts";
import { printError, printJson, printNote, printResult } from "./output.ts";
import {
  type FillStatus,
  fillsOf,
  isInPlace,
  nextCommands,
  type PromotionStatus,
  promotionStatus,
  runsTable,
  statusTable,
  unfinishedLine,
} from "./status-report.ts";
import { textTable } from "./text-table.ts";

/** `artifacts status`. */
export const statusCommand = new Command("status")
  .summary("say what is missing where, since when, why, and what to do")
  .description(
    "Says for each project and mirror what the last deployment or refresh left missing, since when, the last failure, the next command, and of the ten latest runs how long they took, what they sent and which mirror was last. Reads the stack's state, which takes seconds; audit looks into the mirrors themselves. Where the stack signs the zone (artifacts:dnssec), it asks Cloudflare whether the signatures count, and where the last deployment left mirrors to a fill, Cloud Run for the jobs. Exit code 3: something is missing that no job brings, or a run was killed, or is under way.",
  )
  .option("--stack <name>", "the stack; local is the running rehearsal", "prod")
  .option(
    "--state <file>",
    "read an export of the stack's state (pulumi stack export --file FILE) instead of asking pulumi",
  )
  .option(
    "--json",
    "one JSON document: {projects, rows: [{project, kind, mirror, missing, extra, incomplete, since}], failures: [{cause, projects, since}], filling, leftToFill: [{mirror, project, kind}], fills, undeployed, unfinished: [{operation, resource}], runs: [{time, project, kind, everywhere, seconds, bytes, failures, mirrors: [{mirror, steps, failed, bytes, seconds, lagSeconds}]}], dnssec: {status, ds}}; filling: mirrors that are left to artifacts fill; fills: [{mirror, left, planned, promotions, execution, noJob}] of them; promotions: `project kind` of each that left it; planned: a job fills it, or has since; noJob: why none can; unfinished: what a run that was killed, or is under way, has begun; dnssec: where the stack signs the zone",
  )
  .action(async (values) => {
    const local = await useLocalStack(values.stack);
    const file = values.state ?? local?.state;
    const text = await exportedState(values.stack, file);
    const config = await configOf(local?.config ?? `Pulumi.${values.stack}.yaml`);
    const status = promotionStatus(text, file ?? "the state", await wantedProjects(config));
    const dnssec = await signatures(config);
    const fills = await fillsNow(status, config);
    printJson({ ...status, fills, ...(dnssec && { dnssec }) });
    for (const line of textTable(statusTable(status, new Date()))) printResult(line);
    for (const { cause, projects, since } of status.failures)
      printResult(
        `last failure${since === undefined ? "" : ` (${since.slice(0, 16)}Z)`} of ${projects.join(", ")}: ${escapeUnprintable(cause)}`,
      );
    for (const line of textTable(runsTable(status))) printResult(line);
    for (const { mirror, left, execution } of fills)
      printResult(
        `${mirror}: filling, ${countOf(left, "line")} left by the last deployment; ${execution === undefined ? "no job fills it" : executionInWords(execution)}`,
      );
    const unfinished = unfinishedLine(status);
    if (unfinished !== undefined) printResult(unfinished);
    const what = countOf(status.projects, "project");
    const isWell = isInPlace(status, fills);
    const but = fills.some(({ left }) => left > 0) ? ", but for what is being filled" : "";
    printResult(`${what}: ${isWell ? `everything that was deployed is in place${but}` : "not everything is in place"}`);
    const signed = dnssec && dnssecLines(dnssec, values.stack);
    if (signed) printResult(signed.line);
    for (const line of [...nextCommands(status, values.stack, fills), ...(signed?.next ?? [])])
      printNote(`next: ${line}`);
    process.exitCode = isWell ? exitCodes.ok : exitCodes.differs;
  });

/** The config of a stack; undefined if its file cannot be read: check names why. */
async function configOf(stackFile: string): Promise<StackConfig | undefined> {
  const read = await readStackFile(stackFile).catch(() => undefined);
  return read === undefined || "errors" in read ? undefined : read.config;
}

/** The names of the projects that want something in production; none if the manifests cannot be read: check names why. */
async function wantedProjects(config: StackConfig | undefined): Promise<string[]> {
  if (config === undefined) return [];
  const { projects } = await loadManifests(config.manifests).catch(() => ({ projects: [] }));
  return projects.filter((project) => promotesImages(project) || promotesFiles(project)).map(({ name }) => name);
}

/** How far the fills are that the last deployment left, as far as Cloud Run tells. */
async function fillsNow(status: PromotionStatus, config: StackConfig | undefined): Promise<FillStatus[]> {
  if (config === undefined || status.filling.length === 0) return fillsOf(status, new Map());
  const executions = await latestFills(config, status.filling).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
    printError(error.message);
    return new Map<string, FillExecution>();
  });
  return fillsOf(status, executions, (mirror) => whyNoJob(config, mirror));
}

/** What Cloudflare says of the zone that a stack signs, or why it says nothing; undefined: the stack signs none. */
async function signatures(
  config: StackConfig | undefined,
): Promise<DnssecResponse | { readonly unknown: string } | undefined> {
  if (config === undefined || !signsZone(config)) return undefined;
  return await zoneSignatures(config).catch((error: unknown) => {
    if (error instanceof CommandError) return { unknown: error.message };
    throw error;
  });
}

function dnssecLines(found: DnssecResponse | { readonly unknown: string }, stack: string) {
  if ("unknown" in found) return { line: `DNSSEC: not known: ${escapeUnprintable(found.unknown)}`, next: [] };
  const { line, next } = dnssecReport(found, stack);
  return { line: `DNSSEC: ${line}`, next };
}
