import { isDeepStrictEqual } from "node:util";
import { compareInputs, type Properties, unknown } from "../../plugin/properties.ts";
import { PartialFailure, type ResourceLog, type ResourceProvider } from "../../plugin/protocol.ts";
import { causeOf } from "../http/errors.ts";
import { shareOfTheDay } from "../run/deep-share.ts";
import { previewHeadings } from "../run/preview-headings.ts";
import { progressLine } from "../run/progress.ts";
import { RemovalRefused } from "../run/removal-guard.ts";
import type { Context, Differences, Previous } from "../run/request.ts";
import { unplacedOf } from "../run/unplaced-mirrors.ts";
import { withTimeout } from "../run/with-timeout.ts";
import { formatCount } from "../text/format-count.ts";
import { namesIn } from "../text/names-in.ts";
import { splitLines } from "../text/split-lines.ts";
import type { CatalogueNews } from "./catalogue-provider.ts";
import { type Confirmed, currentSetting, howToConfirm, parseConfirmed } from "./confirmed.ts";
import { type AnyRequest, fileMirrorsSchema, type Kind, kindOf } from "./kinds.ts";
import { leftToFill, perhapsFilled, stillFilling, withLeft } from "./left-to-fill.ts";
import { progressFile } from "./overall-progress.ts";
import { packLines, unpackLines } from "./packed-lines.ts";
import { asPlanned, plannedFills, withoutPlanned } from "./planned-fills.ts";
import { keepFailedPurges, keepRecord, lastRunOutput, packRecord, RunRecorder } from "./run-record.ts";

/**
 * The provider of the promotion resources: a thin shell around the engine of promotion.
 *
 * The outputs of a resource record what its inputs do not: what was last asked for, where the inputs differ from it
 * (a refresh writes the lines that it found there; after an update that failed in part the engine keeps the previous
 * inputs), and `incomplete`, where mirrors differ from what was asked for, as the last run or refresh found. The next
 * run asks the mirrors only about these differences; equal texts cause no request. (A second copy of all inputs would
 * be a third of the state, which every preview reads, sends and compares.)
 * @param catalogue receives reports of the runs, if given.
 */
export function promotionProvider(log: ResourceLog, catalogue?: CatalogueNews): ResourceProvider {
  const stop = new AbortController();
  let confirmed: Confirmed = () => false;
  const overall = progressFile(process.env);
  const planned = plannedFills(process.env);

  /** The signal, progress on the resource's row, and the call before the first removal. */
  const context = (
    urn: string,
    doing: string,
    beforeRemoval?: () => Promise<unknown>,
    recorder?: RunRecorder,
  ): Context => {
    const say = (line: string): void => void log.status(urn, `${doing} ${line}`);
    const row = progressLine(say);
    return {
      signal: stop.signal,
      report: (progress) => {
        row(progress);
        recorder?.report(progress);
        if (beforeRemoval) overall?.(urn, progress); // a run that changes production
      },
      ...(beforeRemoval && { beforeRemoval: () => withTimeout(unlistTimeout, beforeRemoval()), awaitGrants: say }),
    };
  };
  /** What one run may remove: everything, if it is confirmed for the project. */
  const allowed = (request: AnyRequest): AnyRequest =>
    confirmed(request.project) ? { ...request, removalShare: 1 } : request;

  return {
    name: "promotion",
    version: "0.1.0",

    configure(config) {
      confirmed = parseConfirmed(currentSetting(config["confirmRemoval"]));
    },

    check({ type, news }) {
      const { inputs, failures } = checked(kindOf(type), news);
      return { inputs, failures };
    },

    diff({ type, olds, oldInputs, news }) {
      const { text } = kindOf(type);
      const changed = compareInputs(oldInputs, news).filter((name) => !holdsUnknown(news[name]));
      // Even with equal texts there is work if a mirror is incomplete.
      if (
        changed.length === 0 &&
        Object.keys(withoutPlanned(incompleteOf(olds), plannedFor(kindOf(type), news))).length > 0
      )
        return { changed: [text] };
      return { changed, replaces: changed.filter((name) => name === "project" || name === "prefix") };
    },

    async create({ urn, type, inputs, preview }) {
      const kind = kindOf(type);
      if (preview) {
        await showPreview(urn, kind, inputs, undefined);
        return { id: "", outputs: {} };
      }
      const id = `${inputs["project"]}:${inputs["prefix"]}`;
      return { id, outputs: await carryOut(urn, kind, id, inputs, undefined) };
    },

    async update({ urn, type, id, olds, oldInputs, inputs, preview }) {
      const kind = kindOf(type);
      const last = lastAsked(kind, oldInputs, olds);
      if (preview) {
        const filling = await showPreview(urn, kind, inputs, last);
        // The entry in the catalogue is told: unknown, it would be shown as a change of each.
        return { outputs: filling === undefined ? {} : { filling } };
      }
      return { outputs: await carryOut(urn, kind, id, inputs, last) };
    },

    async read({ urn, type, id, inputs, outputs }) {
      const kind = kindOf(type);
      if (inputs[kind.text] === undefined) {
        throw new Error("a promotion cannot be imported: `pulumi up` adopts what its mirrors already have");
      }
      const { takeInventory } = await kind.load();
      const last = lastAsked(kind, inputs, outputs);
      const isPlanned = plannedFor(kind, last);
      const attached = kind.text === "images" ? (attachedOf(outputs) ?? "") : undefined;
      const deep = shareOfTheDay(process.env["ARTIFACTS_DEEP_DAYS"], new Date());
      const actual = await takeInventory(requestOf(kind, last), {
        ...context(urn, "taking inventory:"),
        deep,
        attached,
      });
      const inventory = asPlanned(kind, actual, String(last[kind.text]), isPlanned);
      for (const failure of inventory.failures) await log.lasting(urn, "warning", failure);
      const { notes = [] } = inventory;
      if (notes.length > 0)
        await log.lasting(urn, "warning", `What the next \`pulumi up --refresh\` brings:\n${cut(notes)}`);
      const lines = Object.entries(inventory.incomplete).flatMap(([mirror, text]) =>
        splitLines(text).map((line) => `mirror ${mirror}: ${line}`),
      );
      if (lines.length > 0) {
        const what = "The mirrors differ from what was promoted (+ missing, - extra)";
        await log.lasting(urn, "warning", `${what}:\n${cut(lines)}`);
      }
      // A mirror that could not be read keeps its last-known state.
      const before = inventory.failures.length > 0 ? incompleteOf(outputs) : {};
      const found = { ...inputs, [kind.text]: inventory.text };
      const incomplete = { ...before, ...actual.incomplete };
      return {
        id,
        outputs: outputsOf(kind, { ...last, ...stillFilling(last["filling"], incomplete, isPlanned) }, found, {
          incomplete,
          attached: inventory.attached ?? attached,
          lastRun: outputs[lastRunOutput],
        }),
        inputs: found,
      };
    },

    async delete({ urn, type, outputs, oldInputs }) {
      const kind = kindOf(type);
      const { remove } = await kind.load();
      const last = lastAsked(kind, oldInputs, outputs);
      const previous = perhapsFilled(previousOf(kind, last), new Set());
      const request = allowed(previous.request);
      const beforeRemoval = () => unlisted(kind, last, "");
      const outcome = await explained(request, () =>
        remove(
          { ...previous, request },
          {
            ...context(urn, "removing:", beforeRemoval),
            beforeChanges: () => toldFills(urn, kind, { ...request, [kind.text]: "" } as AnyRequest, request),
          },
        ),
      );
      for (const { line } of outcome.unpurged ?? []) await log.lasting(urn, "warning", line);
      keepFailedPurges(request.project, outcome, process.env);
      const left = await beforeRemoval(); // again, for the steps that failed before
      const failures = [...outcome.failures, ...left];
      if (failures.length > 0) throw new Error(some(failures).join("\n"));
      await log.lasting(urn, "info", outcome.summary);
    },

    cancel() {
      stop.abort(new Error("stopped"));
    },
  };

  /** Whether a mirror is being filled with what a promotion wants. */
  function plannedFor({ text: kind }: Kind, inputs: Properties): (mirror: string) => boolean {
    return (mirror) => planned.has({ mirror, project: String(inputs["project"]), kind });
  }

  async function carryOut(
    urn: string,
    kind: Kind,
    id: string,
    inputs: Properties,
    last: Properties | undefined,
  ): Promise<Properties> {
    const { promote, takeInventory } = await kind.load();
    const asked = requestOf(kind, inputs);
    const lastState = last === undefined ? undefined : previousOf(kind, last);
    const request = allowed(judgedBy(lastState, asked));
    const look = (some: AnyRequest) => takeInventory(some, context(urn, "looking at what is filled:"));
    const { previous, left } = lastState
      ? await leftToFill(kind, request, lastState, fillingIn(last), look)
      : { previous: undefined, left: {} };
    const beforeRemoval = () => unlisted(kind, inputs, String(inputs[kind.text]));
    const recorder = new RunRecorder();
    const ended = await explained(asked, () =>
      promote(request, previous, {
        ...context(urn, "promoting:", beforeRemoval, recorder),
        beforeChanges: () => toldFills(urn, kind, request, lastState?.request),
      }),
    );
    for (const { line } of ended.unpurged ?? []) await log.lasting(urn, "warning", line);
    keepFailedPurges(request.project, ended, process.env);
    const record = recorder.ended(request.project, kind.text, ended, Object.keys(left));
    keepRecord(record, process.env);
    const outcome = { ...ended, incomplete: withLeft(ended.incomplete, left) };
    const done = { ...outcome, lastRun: record === undefined ? last?.[lastRunOutput] : packRecord(record) };
    catalogue?.promoted(request.project, outcome.copied);
    if (outcome.failures.length > 0) {
      const listed = await beforeRemoval();
      const reasons = [...some(outcome.failures), ...listed, `${outcome.summary}; the next \`pulumi up\` resumes`];
      // Until a run succeeds, the former policy is not done with.
      const asked = "formerTrust" in request ? { ...inputs, trust: last?.["trust"] } : inputs;
      throw new PartialFailure({
        id,
        inputs,
        outputs: { ...outputsOf(kind, asked, {}, done), ...fillingOf(request, left) },
        reasons,
      });
    }
    await log.lasting(urn, "info", [outcome.summary, ...leftInWords(left)].join("; "));
    return { ...outputsOf(kind, inputs, inputs, done), ...fillingOf(request, left) };
  }

  /**
   * Tells the fills that run what a run withdraws, and waits until none of them brings it any more. A withdrawal waits for nothing else: where they cannot
   * be told, it goes on.
   */
  async function toldFills(urn: string, kind: Kind, request: AnyRequest, last: AnyRequest | undefined): Promise<void> {
    const { fillBucket, project } = request;
    if (fillBucket === undefined) return;
    const { changeOf, openFills, tellFills } = await import("./unwanted-lines.ts");
    try {
      await tellFills(
        openFills(request.storage, fillBucket),
        changeOf(kind.text, request, last),
        stop.signal,
        () => void log.status(urn, "waiting until the fills that run know what is withdrawn"),
      );
    } catch (error) {
      stop.signal.throwIfAborted();
      await log.lasting(
        urn,
        "warning",
        `project ${project}: fills that run could not be told what is withdrawn: ${causeOf(error)}. What they bring back \`artifacts sync\` removes, after \`artifacts fill --cancel outdated\``,
      );
    }
  }

  /**
   * The entry in the catalogue is written after all promotions of its project, so a promotion that fails or is killed
   * prevents it. Therefore items are unlisted before they are removed from the mirrors. @returns the failures.
   */
  async function unlisted(kind: Kind, properties: Properties, lines: string): Promise<readonly string[]> {
    // Every file mirror has the catalogue, whatever projects it has.
    const places = kind.text === "files" ? ["mirrors", "unplaced"] : ["catalogue"];
    const mirrors = places.flatMap((name) => fileMirrorsSchema.safeParse(properties[name]).data ?? []);
    if (mirrors.length === 0 || catalogue === undefined || stop.signal.aborted) return [];
    const request = requestOf(kind, properties);
    const { project, prefix, storage } = request;
    const notIn = unplacedOf<{ readonly name: string }>(request).map(({ name }) => name);
    return await catalogue.unlist({ project, kind: kind.text, lines, prefix, notIn, mirrors, storage });
  }

  /** Reports what a real run would do. Throws the errors that would make it fail. @returns the output `filling`, if there is one. */
  async function showPreview(
    urn: string,
    kind: Kind,
    inputs: Properties,
    last: Properties | undefined,
  ): Promise<string | undefined> {
    const { preview } = await kind.load();
    const asked = requestOf(kind, { ...inputs, ...lastKnown(inputs, last) });
    const lastState = last === undefined ? undefined : previousOf(kind, last);
    const request = allowed(judgedBy(lastState, asked));
    const { previous, left } = lastState
      ? await leftToFill(kind, request, lastState, fillingIn(last))
      : { previous: undefined, left: {} };
    for (const words of leftInWords(left)) await log.lasting(urn, "info", words);
    const { filling } = fillingOf(request, left);
    const found = await explained(asked, () => preview(request, previous, context(urn, "looking:")));
    for (const warning of found.warnings) await log.lasting(urn, "warning", warning);
    if (found.lines.length > 0) await log.lasting(urn, "info", `The run will:\n${cut(found.lines)}`);
    const { attachments = [], trust = [] } = found;
    if (trust.length > 0) await log.lasting(urn, "info", `${previewHeadings.trust}\n${cut(trust, mostAttachments)}`);
    if (attachments.length > 0)
      await log.lasting(urn, "info", `${previewHeadings.attachments}\n${cut(attachments, mostAttachments)}`);
    if (found.errors.length === 0) return filling;
    if (!holdsUnknown(inputs["staging"])) throw new Error(some(found.errors).join("\n"));
    await log.lasting(
      urn,
      "warning",
      `This run creates the staging area, so it cannot be checked yet:\n${cut(found.errors)}`,
    );
    return filling;
  }
}

/** The output that names the mirrors that are left to a fill. */
function fillingOf({ fillAbove }: AnyRequest, left: Differences): { filling?: string } {
  return fillAbove === undefined ? {} : { filling: Object.keys(left).join(" ") };
}

/** The mirrors that the last run left to a fill. */
function fillingIn(last: Properties | undefined): ReadonlySet<string> {
  return new Set(namesIn(last?.["filling"]));
}

/** What is left to a fill, in a sentence. */
function leftInWords(left: Differences): string[] {
  const lines = Object.entries(left).map(([name, text]) => `${name} (${formatCount(splitLines(text).length)} lines)`);
  return lines.length === 0 ? [] : [`left to \`artifacts fill\`: ${lines.join(", ")}`];
}

/** Validates inputs against their kind. Values that a preview does not know yet are accepted. */
function checked(kind: Kind, news: Properties): { inputs: Properties; failures: string[] } {
  const { success, error } = kind.schema.safeParse(knownOf(news));
  if (success) return { inputs: news, failures: [] };
  return {
    inputs: news,
    failures: error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
  };
}

function requestOf(kind: Kind, properties: Properties): AnyRequest {
  const { failures } = checked(kind, properties);
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return kind.schema.parse(knownOf(properties));
}

/** What the last run was asked for, and `incomplete`, from the recorded state. */
function lastAsked(kind: Kind, inputs: Properties, outputs: Properties): Properties {
  const { [askedLines]: packed, ...others } = outputs;
  const lines = typeof packed === "string" && { [kind.text]: unpackLines(packed) };
  return { ...inputs, ...others, ...lines, incomplete: incompleteOf(outputs) };
}

function previousOf(kind: Kind, last: Properties): Previous<AnyRequest> {
  return { request: requestOf(kind, last), incomplete: incompleteOf(last), attached: attachedOf(last) };
}

function incompleteOf(outputs: Properties): Differences {
  return (outputs["incomplete"] as Differences | undefined) ?? {};
}

/**
 * The outputs that are recorded next to the inputs.
 * @param asked what the run was asked for.
 * @param inputs what is certain to be recorded as the inputs.
 */
function outputsOf(
  kind: Kind,
  asked: Properties,
  inputs: Properties,
  { incomplete, attached = "", lastRun }: Recorded,
): Properties {
  const outputs: Properties = Object.keys(incomplete).length > 0 ? { incomplete } : {};
  if (attached !== "") outputs[attachedLines] = packLines(attached);
  if (lastRun !== undefined) outputs[lastRunOutput] = lastRun;
  for (const name of compareInputs(inputs, asked)) {
    if (ownOutputs.has(name) || asked[name] === undefined) continue;
    if (name === kind.text) outputs[askedLines] = packLines(String(asked[name]));
    else outputs[name] = asked[name];
  }
  return outputs;
}

/** What a run or a refresh found, for the outputs. */
interface Recorded {
  readonly incomplete: Differences;
  readonly attached?: string | undefined;
  /** The record of the last run that had something to do, packed. */
  readonly lastRun?: unknown;
}

/** The output with the lines that were last asked for. The engine never shows outputs whose name begins with two underscores. */
const askedLines = "__asked";

/** The output that records what is attached to the images, packed; absent in states of earlier versions. */
const attachedLines = "__attached";

/** Outputs that are no copies of inputs. */
const ownOutputs: ReadonlySet<string> = new Set(["incomplete", attachedLines, lastRunOutput]);

function attachedOf(outputs: Properties): string | undefined {
  const packed = outputs[attachedLines];
  return typeof packed === "string" ? unpackLines(packed) : undefined;
}

/** The inputs that are lines of mirrors. */
const mirrorInputs = ["mirrors", "layerMirrors", "unplaced", "unplacedLayers", "catalogue"];

/** For mirrors that a preview does not know, because this run changes some of them: those of the last run. */
function lastKnown(inputs: Properties, last: Properties | undefined): Properties {
  const places = ["staging", ...mirrorInputs].filter((name) => holdsUnknown(inputs[name]));
  return Object.fromEntries(places.flatMap((name) => (last?.[name] === undefined ? [] : [[name, last[name]]])));
}

/** Without the mirrors and the staging area that only a real run will know. */
function knownOf(properties: Properties): Properties {
  const known = { ...properties };
  if (holdsUnknown(known["staging"])) known["staging"] = "";
  for (const name of mirrorInputs) {
    const mirrors = known[name];
    if (mirrors === unknown) known[name] = [];
    else if (Array.isArray(mirrors)) known[name] = mirrors.filter((mirror) => !holdsUnknown(mirror));
  }
  return known;
}

function holdsUnknown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === unknown;
  return Object.values(value).some(holdsUnknown);
}

/** ms that removals wait for a mirror whose catalogue cannot be updated. */
const unlistTimeout = 30_000;

/**
 * What a run may do is judged by what was deployed before it: a change that raises removalShare, or asks less by its trust policy, does not use that
 * in the same run. One that asks for more does.
 */
function judgedBy(previous: Previous<AnyRequest> | undefined, asked: AnyRequest): AnyRequest {
  const removalShare = Math.min(asked.removalShare, previous?.request.removalShare ?? 1);
  const former = previous && "trust" in previous.request ? previous.request.trust : undefined;
  const isFormer = former?.mode === "require" && !isDeepStrictEqual(former, "trust" in asked ? asked.trust : undefined);
  return { ...asked, removalShare, ...(isFormer && { formerTrust: former }) };
}

/** A refused removal with how to confirm it. */
async function explained<T>(request: AnyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RemovalRefused) {
      const said = `${error.message} (a removalShare counts from the run after the one that changes it)`;
      throw new Error(`${said}. ${howToConfirm(request.project)}`);
    }
    throw error;
  }
}

/** The diff does not show attachments: the preview is where they are reviewed, as far as a comment on a pull request can be read. */
const mostAttachments = 200;

/** Limits the failures to a readable number. Those left out usually have the same cause. */
function some(failures: readonly string[]): string[] {
  const shown = failures.slice(0, 50);
  if (failures.length > 50) shown.push(`... and ${formatCount(failures.length - 50)} more failures`);
  return shown;
}

/** Limits the lines to a readable number. The diff has all of them. */
function cut(lines: readonly string[], most = 20): string {
  const shown = lines.slice(0, most).map((line) => `  ${line}`);
  if (lines.length > most) shown.push(`  ... and ${formatCount(lines.length - most)} more`);
  return shown.join("\n");
}
