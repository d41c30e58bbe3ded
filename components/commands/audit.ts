import { Command, Option } from "@commander-js/extra-typings";
import pLimit from "p-limit";
import { layerMirrorsOf } from "../mirrors/bucket-mirrors.ts";
import { takeFileInventory } from "../promotion/files/files.ts";
import { verifyProductionFiles } from "../promotion/files/verify-production-files.ts";
import { sharedImagePromotion, takeImageInventory } from "../promotion/images/images.ts";
import { verifyProduction } from "../promotion/images/verify-production.ts";
import { plannedFills } from "../promotion/provider/planned-fills.ts";
import { everyDigest } from "../promotion/run/deep-share.ts";
import { progressLine } from "../promotion/run/progress.ts";
import type { Context, FilesRequest, ImageMirror, ImagesRequest, Inventory } from "../promotion/run/request.ts";
import { readStoreAddress } from "../promotion/run/store-address.ts";
import type { Unmanaged } from "../promotion/unmanaged/unmanaged.ts";
import { findUnmanagedFiles } from "../promotion/unmanaged/unmanaged-files.ts";
import { unmanagedImages } from "../promotion/unmanaged/unmanaged-images.ts";
import { auditBytes, auditStatus, startAudits } from "./audit-bytes.ts";
import {
  type Audited,
  describeReport,
  isClean,
  nextAfterAudit,
  type Report,
  reportOf,
  withoutPlannedFills,
} from "./audit-report.ts";
import { UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { mirrorsNamed, mirrorsOfProduction, mirrorsOfRequest } from "./mirrors-named.ts";
import { printJson, printNote, printProgress, printResult } from "./output.ts";
import { type Production, type ProductionSources, readProduction } from "./production.ts";
import { withProduction } from "./production-options.ts";
import { repeated } from "./repeated.ts";
import { parseShard } from "./shard.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts audit`. */
export const auditCommand = withProduction(
  new Command("audit")
    .summary("compare all manifests with all mirrors")
    .description(
      "Compares all manifests with all mirrors, without the Pulumi engine: reports what is missing and what is extra, also in repositories and folders that no manifest names. With --bytes every byte of the named mirrors is read back, and nothing else compared; with --start Cloud Run jobs beside them do that. Exit code 3: production differs; 1: a mirror could not be read.",
    ),
)
  .option("--project <name>", "only this project (may be repeated)", repeated, [])
  .option(
    "--mirror <name>",
    "only this mirror, e.g. images-us-central1, files-aws-us-east-1 (may be repeated)",
    repeated,
    [],
  )
  .option(
    "--verify",
    "verify what is in production again, under the trust policies of today: what a signer signed who is no longer in the policy is listed",
  )
  .option(
    "--deep",
    "ask the mirrors for every blob of every image too: a layer that a registry has lost is on no list, and makes its image incomplete here",
  )
  .addOption(
    new Option(
      "--bytes",
      "read every byte of the mirrors named by --mirror, and compare it with its digest: what is missing there, or has other content, is listed",
    ).conflicts(["verify", "deep"]),
  )
  .option(
    "--shard <i/n>",
    "with --bytes: only part I of N equal parts of the work; in a Cloud Run job each task takes its own part",
  )
  .addOption(
    new Option(
      "--start",
      "as --bytes, by the Cloud Run job of the region nearest to each mirror named by --mirror; returns when they are started; does nothing for a mirror that one reads already",
    ).conflicts(["verify", "deep", "bytes", "shard", "status", "project"]),
  )
  .addOption(
    new Option(
      "--archive <file>",
      "with --start: the program that the tasks run, made by build-fill; without it, it is built",
    ).implies({ start: true }),
  )
  .addOption(
    new Option("--wait", "with --start: until the jobs have ended, and say what they have found").implies({
      start: true,
    }),
  )
  .addOption(
    new Option(
      "--status",
      "print what the latest Cloud Run job has found that read each mirror, and do nothing",
    ).conflicts(["verify", "deep", "bytes", "shard", "project"]),
  )
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {projects, mirrors, lines, differences: [{project, kind, mirror, what, line}], unreadable, notes, unlisted, unverified: [{project, line, missing}]}; project: - if it is none's; what: missing, extra, incomplete (there, but not with all that belongs to it); notes: what explains differences; unlisted: what could not be searched. With --bytes, --wait or --status: {mirrors: [{mirror, wanted, read, bytes, found, findings: [{project, kind, what, line, why}], unreadable, execution}], failures}; what: missing, corrupt; found: how many findings there are, of which the first thousands are listed; execution: as of fill --status. With --start: {mirrors: [{mirror, started, execution}], failures}",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const production = await readProduction(values, values.project);
    const only = mirrorsNamed(production, values.mirror);
    const { bytes, start, status, mirror: named } = values;
    if ((bytes === true || start === true) && named.length === 0)
      throw new UsageError("--mirror: every byte is read, which costs as clients' reads do: name the mirrors");
    if (values.shard !== undefined && bytes !== true) throw new UsageError("--shard: of --bytes alone");
    if (bytes === true) return await auditBytes(production, named, parseShard(values.shard, process.env));
    if (start === true) return await startAudits(production, named, { ...values, wait: values.wait === true });
    if (status === true)
      return await auditStatus(production, named.length > 0 ? named : [...mirrorsOfProduction(production)].sort());
    const report = await interruptible(async (signal) => {
      const context: Context = { signal, report: () => {}, ...(values.deep === true && { deep: everyDigest }) };
      const atOnce = pLimit(8);
      const tell = progressLine((line) => printProgress(`audited ${line} promotions`));
      const total = production.images.length + production.files.length;
      let done = 0;
      const counted = <T>(result: T): T => {
        tell({ done: ++done, total, failed: 0, bytes: 0, mirrors: [] });
        return result;
      };
      const images = production.images.map((request) =>
        atOnce(() =>
          auditOf("images", restricted(request, only), request.images, (one) => takeImageInventory(one, context)),
        ).then(counted),
      );
      const files = production.files.map((request) =>
        atOnce(() =>
          auditOf("files", restricted(request, only), request.files, (one) => takeFileInventory(one, context)),
        ).then(counted),
      );
      const audited = (await Promise.all([...images, ...files])).filter(({ mirrors }) => mirrors.length > 0);
      const unmanaged = await unmanagedOf(production, values.project, only, context);
      const found = withoutPlannedFills(reportOf(audited, unmanaged), plannedFills(process.env));
      if (values.verify !== true) return found;
      return { ...found, ...(await verifiedAgain(production, context)) };
    });
    printJson(report);
    printResult(describeReport(report));
    for (const line of nextAfterAudit(report, values.stack)) printNote(`next: ${line}`);
    process.exitCode =
      report.unreadable.length + (report.verification?.failures.length ?? 0) > 0
        ? exitCodes.error
        : isClean(report)
          ? exitCodes.ok
          : exitCodes.differs;
  });

/** What is in these mirrors and belongs to these projects, or to none, and is in no manifest. @param projects none = all. */
async function unmanagedOf(
  { locations, owners, storage }: ProductionSources,
  projects: readonly string[],
  only: (mirror: string) => boolean,
  context: Context,
): Promise<Unmanaged[]> {
  const images = locations.images.filter(({ name }) => only(name));
  const files = locations.files.filter(({ name }) => only(name));
  const layerMirrors = layerMirrorsOf(locations.images, files);
  const unmanaged = await Promise.all([
    unmanagedImages({ mirrors: images, layerMirrors, storage }, owners, context),
    findUnmanagedFiles(files, owners, storage, context, bucketsWithImages(locations.images)),
  ]);
  return unmanaged.map(({ found, ...rest }) => ({
    found: found.filter(({ project = "-" }) => projects.length === 0 || projects.includes(project)),
    ...rest,
  }));
}

/** Names of the buckets that are image mirrors. */
function bucketsWithImages(images: readonly ImageMirror[]): ReadonlySet<string> {
  return new Set(images.flatMap(({ repository }) => readStoreAddress(repository)?.bucket ?? []));
}

/** What in production does not satisfy the policies. */
async function verifiedAgain(
  { images, files }: Production,
  context: Context,
): Promise<Pick<Report, "verification" | "unverified">> {
  const { dependencies } = sharedImagePromotion();
  const found = await Promise.all([
    ...images.map(async (request) => ({
      project: request.project,
      ...(await verifyProduction(request, dependencies, context)),
    })),
    ...files.map(async (request) => ({
      project: request.project,
      ...(await verifyProductionFiles(request, context)),
    })),
  ]);
  return {
    unverified: found.flatMap(({ project, unverified }) => unverified.map((each) => ({ project, ...each }))),
    verification: {
      digests: found.reduce((sum, { verified }) => sum + verified, 0),
      // That the roots are old is said once.
      failures: [...new Set(found.flatMap(({ failures }) => failures))],
    },
  };
}

async function auditOf<Request extends ImagesRequest | FilesRequest>(
  kind: Audited["kind"],
  request: Request,
  lines: string,
  takeInventory: (request: Request) => Promise<Inventory>,
): Promise<Audited> {
  const mirrors = mirrorsOfRequest(request);
  const nothing: Inventory = { text: lines, incomplete: {}, failures: [] };
  return {
    project: request.project,
    kind,
    mirrors,
    wanted: lines.split("\n").length - 1,
    inventory: mirrors.length === 0 ? nothing : await takeInventory(request),
  };
}

/** A request about some of its mirrors only. */
function restricted<Request extends ImagesRequest | FilesRequest>(
  request: Request,
  only: (name: string) => boolean,
): Request {
  const those = <Mirror extends { readonly name: string }>(mirrors: readonly Mirror[] = []): Mirror[] =>
    mirrors.filter(({ name }) => only(name));
  if (!("layerMirrors" in request))
    return { ...request, mirrors: those(request.mirrors), unplaced: those(request.unplaced) };
  return {
    ...request,
    mirrors: those(request.mirrors),
    unplaced: those(request.unplaced),
    layerMirrors: those(request.layerMirrors),
    unplacedLayers: those(request.unplacedLayers),
  };
}
