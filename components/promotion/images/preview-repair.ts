import { causeOf } from "../http/errors.ts";
import type { Remote } from "../oci/remote.ts";
import { printRecorded } from "./attachment-record.ts";
import { attachedIn, attachedInStaging, judged } from "./copy-image.ts";
import type { Copy } from "./plan.ts";
import type { ImagesRun } from "./run.ts";
import { againstRecord } from "./stray-attachments.ts";
import type { ImageTree } from "./tree.ts";

/**
 * What production loses by the repair of a digest, one line each: what the record has and no place any more, and what mirrors have and nobody promoted.
 * Writes nothing.
 */
export async function previewRepair(
  copy: Copy,
  tree: ImageTree,
  staging: Remote | undefined,
  run: ImagesRun,
): Promise<{ readonly lost: readonly string[]; readonly warnings: readonly string[] }> {
  const { image, digest } = copy;
  if (copy.incomplete.length === 0 || run.record.of(image, digest) === undefined) return { lost: [], warnings: [] };
  try {
    return { lost: await lostBy(copy, tree, staging, run), warnings: [] };
  } catch (error) {
    run.context.signal.throwIfAborted();
    const what = `what it loses could not be read: ${causeOf(error)}`;
    return { lost: [], warnings: [run.failures.line(`${image}@${digest}`, what)] };
  }
}

async function lostBy(
  copy: Copy,
  { manifests }: ImageTree,
  staging: Remote | undefined,
  run: ImagesRun,
): Promise<string[]> {
  const { image, tags, digest } = copy;
  const digests = manifests.map((manifest) => manifest.digest);
  const mirrors = run.alive([...copy.holders, ...copy.mirrors]).map((mirror) => mirror.remote(image));
  const [{ found, isAll }, staged] = await Promise.all([
    attachedIn(mirrors, digests, run),
    staging && attachedInStaging(staging, copy, digests, run).catch(() => undefined),
  ]);
  run.context.signal.throwIfAborted();
  const sources = staging ? [...mirrors, staging] : mirrors;
  const judgement = await judged(sources, [...found, ...(staged ?? [])], run);
  const { strays, lost } = againstRecord(run.record, copy, judgement, found, staged ?? []);
  const name = tags.length > 0 ? `${image}:${tags[0]}` : `${image}@${digest}`;
  const isRead = isAll && (staging === undefined || staged !== undefined);
  const gone = isRead ? lost.map((each) => `- ${printRecorded(each)} of ${name}, which no place has any more`) : [];
  return [...gone, ...strays.map((each) => `- attachment ${each.digest} of ${name}, which nobody promoted`)];
}
