import { z } from "zod";
import { schemaVersion } from "../../catalogue/formats.ts";
import { compareInputs, type Properties, unknown } from "../../plugin/properties.ts";
import { PartialFailure, type ResourceLog, type ResourceProvider } from "../../plugin/protocol.ts";
import type { CatalogueWriter } from "../catalogue/catalogue-writer.ts";
import type { EntryOutcome, EntryRequest, UnlistRequest } from "../catalogue/request.ts";
import { causeOf } from "../http/errors.ts";
import { progressLine } from "../run/progress.ts";
import { namesIn } from "../text/names-in.ts";
import { fileMirrorsSchema, signingSchema, storageSchema, trustSchema } from "./kinds.ts";
import { fingerprint, packLines, unpackLines } from "./packed-lines.ts";
import { keepFailedPurges } from "./run-record.ts";

/** The resource type of one project's entry in the catalogue. */
export const catalogueEntryType = "promotion:index:CatalogueEntry";

/** Version of the data that is read for each digest. A change makes every entry be read again. */
const learned = 2;

/** Version of the written documents. A change makes every entry be written again, from the data that is known. */
const written = 4;

async function openCatalogue(signal: AbortSignal): Promise<CatalogueWriter> {
  const { catalogueWriter } = await import("../catalogue/catalogue-writer.ts");
  return catalogueWriter(signal);
}

/** What promotions report to the catalogue. Both run in the same process. */
export interface CatalogueNews {
  /**
   * Reports that a promotion of the project has run: its entry is checked again, whatever is recorded of it.
   * @param copied digests that it brought to some mirror, or brought attachments of: what the catalogue says of them may have changed.
   */
  promoted(project: string, copied: ReadonlySet<string> | undefined): void;
  /** Unlists from the project's entry what is no longer wanted. @returns the failures, one line each. */
  unlist(unlisting: UnlistRequest): Promise<readonly string[]>;
}

/**
 * The provider of the catalogue's entries. The promoted lines are not recorded: the state has them as the promotions' inputs, and a run is given them
 * before it writes. `content` shows that they changed. The outputs are `document`, the SHA-256 of the project's document, `incomplete`, the
 * mirrors that do not have it, and `anew`, what a run that failed was to describe again: "all", or packed digests.
 * @param open opens the catalogue: for its tests.
 */
export function catalogueProvider(log: ResourceLog, open = openCatalogue): ResourceProvider & CatalogueNews {
  const stop = new AbortController();
  let writer: Promise<CatalogueWriter> | undefined;
  /** By project, the digests that promotions of this process have copied and no entry has described since. */
  const promoted = new Map<string, Set<string>>();
  /** By project, the promoted lines that were checked last. */
  const checked = new Map<string, PromotedLines>();
  /** Loaded on first use, so that a plugin that has nothing to do starts fast. */
  const opened = (): Promise<CatalogueWriter> => {
    writer ??= open(stop.signal);
    return writer;
  };

  return {
    name: "promotion",
    version: "0.1.0",

    check({ news }) {
      const { success, error, data } = checkedSchema.safeParse(knownOf(news));
      if (success) {
        checked.set(data.project, { images: data.images, files: data.files });
        return { inputs: recorded(news) };
      }
      return { inputs: news, failures: error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) };
    },

    diff({ olds, oldInputs, news }) {
      const changed = compareInputs(oldInputs, news).filter((name) => !holdsUnknown(news[name]));
      // A failed run may have unlisted something that this run has restored.
      // A refresh finds the mirrors as a run that failed wrote them.
      const failed = incompleteOf(olds).length > 0 || anewIn(olds).anew !== undefined;
      const stale = failed || promoted.has(String(news["project"]));
      if (changed.length === 0 && stale) return { changed: ["mirrors"] };
      // `content` shows a change of the lines.
      return {
        changed: changed.filter((name) => name !== "images" && name !== "files"),
        replaces: changed.filter((name) => name === "project"),
      };
    },

    async create({ urn, inputs, preview }) {
      if (preview) return { id: "", outputs: {} };
      return { id: String(inputs["project"]), outputs: await publish(urn, inputs, undefined, {}) };
    },

    async update({ urn, olds, oldInputs, inputs, preview }) {
      if (preview) return { outputs: {} };
      return { outputs: await publish(urn, inputs, oldInputs, olds) };
    },

    async read({ urn, id, inputs, outputs }) {
      if (outputs["document"] === undefined)
        throw new Error("an entry of the catalogue cannot be imported: `pulumi up` writes it");
      const request = requestOf(inputs, nothing);
      const { incomplete, failures } = await (await opened()).check(request, String(outputs["document"]));
      for (const failure of failures) await log.lasting(urn, "warning", failure);
      if (incomplete.length > 0) {
        await log.lasting(urn, "warning", `The catalogue is not as it was written in ${incomplete.join(", ")}`);
      }
      const found = outputsOf({ document: String(outputs["document"]), incomplete });
      return { id, outputs: { ...found, ...anewIn(outputs) }, inputs };
    },

    async delete({ urn, oldInputs }) {
      const outcome = await (await opened()).withdraw(requestOf(oldInputs, nothing));
      for (const { line } of outcome.unpurged ?? []) await log.lasting(urn, "warning", line);
      keepFailedPurges(String(oldInputs["project"]), outcome, process.env);
      if (outcome.failures.length > 0) throw new Error(outcome.failures.join("\n"));
      await log.lasting(urn, "info", outcome.summary);
    },

    cancel() {
      stop.abort(new Error("stopped"));
    },

    promoted(project, copied = new Set()) {
      promoted.set(project, (promoted.get(project) ?? new Set()).union(copied));
    },

    async unlist(unlisting) {
      try {
        return await (await opened()).unlist(unlisting);
      } catch (error) {
        return [`project ${unlisting.project}, catalogue: ${causeOf(error)}`];
      }
    },
  };

  async function publish(
    urn: string,
    inputs: Properties,
    oldInputs: Properties | undefined,
    olds: Properties,
  ): Promise<Properties> {
    const report = progressLine((line) => void log.status(urn, `describing: ${line}`));
    const isOld = oldInputs !== undefined && oldInputs["learned"] !== inputs["learned"];
    const before = unpackAnew(olds);
    const changed = promoted.get(String(inputs["project"])) ?? new Set();
    const anew = isOld || before === "all" ? "all" : before.union(changed);
    const lines = checked.get(String(inputs["project"]));
    if (lines === undefined || contentOf(lines) !== inputs["content"])
      throw new Error("the promoted lines differ from those that were checked: run `pulumi up` again");
    const outcome = await (await opened()).publish(requestOf(inputs, lines), anew, report);
    const outputs = outputsOf(outcome);
    for (const { line } of outcome.unpurged ?? []) await log.lasting(urn, "warning", line);
    keepFailedPurges(String(inputs["project"]), outcome, process.env);
    if (outcome.failures.length > 0) {
      const reasons = [...outcome.failures, `${outcome.summary}; the next \`pulumi up\` resumes`];
      // A mirror may still have what was described before, and the next run knows nothing of what this process promoted.
      const again = { ...outputs, ...packAnew(anew) };
      throw new PartialFailure({ id: String(inputs["project"]), inputs, outputs: again, reasons });
    }
    await log.lasting(urn, "info", outcome.summary);
    return outputs;
  }
}

const schema = z.object({
  project: z.string().min(1),
  description: z.string(),
  contact: z.string(),
  imagePrefix: z.string(),
  filePrefix: z.string(),
  withdrawnImages: z.string().optional(),
  withdrawnFiles: z.string().optional(),
  stagingRepository: z.string().optional(),
  stagingBucket: z.string().optional(),
  source: z.string().optional(),
  host: z.string().optional(),
  trust: trustSchema.optional(),
  policy: z.string().optional(),
  signing: signingSchema.optional(),
  summary: z.string(),
  registry: z.string(),
  heldBy: z.string().optional(),
  filling: z.string().optional(),
  mirrors: fileMirrorsSchema,
  storage: storageSchema,
});

const checkedSchema = schema.extend({ images: z.string(), files: z.string() });

/** What is in production, as lines. */
type PromotedLines = Pick<EntryRequest, "images" | "files">;

/** Of a request that reads or removes what was written. */
const nothing: PromotedLines = { images: "", files: "" };

/** The program's inputs in the form in which they are recorded. Versions before recorded the lines too, packed; that they are gone is no change. */
function recorded({ images, files, ...news }: Properties): Properties {
  const content = contentOf({ images: String(images), files: String(files) });
  return { ...news, content, learned, written, schemaVersion };
}

function contentOf({ images, files }: PromotedLines): string {
  return fingerprint(images, files);
}

function requestOf(inputs: Properties, lines: PromotedLines): EntryRequest {
  const { summary: _, heldBy, filling = "", ...request } = schema.parse(inputs);
  const names = new Set(namesIn(filling));
  return {
    ...request,
    ...lines,
    heldBy: heldBy === undefined ? undefined : namesIn(heldBy).filter((name) => !names.has(name)),
    filling: [...names],
  };
}

function outputsOf({ document, incomplete }: Pick<EntryOutcome, "document" | "incomplete">): Properties {
  return incomplete.length === 0 ? { document } : { document, incomplete: [...incomplete] };
}

function packAnew(anew: ReadonlySet<string> | "all"): Properties {
  return { anew: anew === "all" ? anew : packLines([...anew].sort().join("\n")) };
}

function unpackAnew(outputs: Properties): Set<string> | "all" {
  const { anew = "" } = anewIn(outputs);
  if (anew === "all") return "all";
  return new Set(anew === "" ? [] : unpackLines(anew).split("\n"));
}

function anewIn({ anew }: Properties): { readonly anew?: string } {
  return typeof anew === "string" ? { anew } : {};
}

function incompleteOf(outputs: Properties): readonly unknown[] {
  return Array.isArray(outputs["incomplete"]) ? outputs["incomplete"] : [];
}

/** With placeholders of the right shape for values that only a real run will know. */
function knownOf(properties: Properties): Properties {
  const { mirrors } = properties;
  const texts = Object.entries(properties).map(([name, value]) => [name, value === unknown ? "" : value]);
  return {
    ...Object.fromEntries(texts),
    mirrors: Array.isArray(mirrors)
      ? mirrors.filter((mirror) => !holdsUnknown(mirror))
      : mirrors === unknown
        ? []
        : mirrors,
  };
}

function holdsUnknown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === unknown;
  return Object.values(value).some(holdsUnknown);
}
