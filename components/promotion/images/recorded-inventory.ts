import type { Digest } from "../oci/digest.ts";
import { WrongContentError } from "../oci/errors.ts";
import { getManifest, headManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { attachmentLimits } from "../run/limits.ts";
import { type AttachmentRecord, prefixOf, printRecorded, type RecordedAttachment } from "./attachment-record.ts";
import type { Attachment } from "./attachments.ts";
import type { Holding } from "./holding.ts";
import { isProofManifest } from "./promotion-proof.ts";
import { placeOf } from "./stray-attachments.ts";

/** A mirror, and what it has of the image. */
export interface At {
  readonly name: string;
  readonly holding: Holding;
}

/** The inventory of one image, compared with the record of what is attached to it. Fills the record for digests that it does not know. */
export class RecordedInventory {
  /** What differs, for people, one line each: `- signature sha256:... of app:v1 is in no mirror any more`. */
  readonly notes: string[] = [];
  readonly #record: AttachmentRecord;
  readonly #image: string;
  readonly #digests: ReadonlyMap<Digest, ReadonlySet<string>>;
  readonly #staging: Remote | undefined;
  readonly #isWhole: boolean;
  /** Of all its digests. */
  readonly #prefixes: ReadonlySet<string>;
  readonly #judged = new Map<string, Promise<"stray" | "promoted" | "undecided">>();

  /** @param digests the wanted digests of the image, with their tags. @param staging the image's repository there, if the project has any. */
  constructor(
    record: AttachmentRecord,
    image: string,
    digests: ReadonlyMap<Digest, ReadonlySet<string>>,
    staging: Remote | undefined,
  ) {
    this.#record = record;
    this.#image = image;
    this.#digests = digests;
    this.#staging = staging;
    const known = [...digests.keys()].flatMap((digest) => record.of(image, digest) ?? []);
    this.#isWhole = known.some(({ isWhole }) => isWhole);
    this.#prefixes = new Set(known.flatMap(({ attachments }) => attachments.map(({ prefix }) => prefix)));
  }

  /** Whether an attachment may be stray: no digest of the image has it by the record, and the record has digests that are whole. No request. */
  mayBeStray({ digest }: Attachment): boolean {
    return this.#isWhole && !this.#prefixes.has(prefixOf(digest));
  }

  /** Records what mirrors have attached to digests that the record does not know: what was promoted before there was one. */
  adopt(attachments: Iterable<Attachment>, rootOf: (subject: Digest) => Digest | undefined): void {
    const found = Map.groupBy(attachments, ({ subject }) => rootOf(subject));
    for (const [root, all] of found) {
      if (root === undefined || this.#record.of(this.#image, root)) continue;
      this.#record.set(
        this.#image,
        root,
        all.map(({ digest, tag }) => ({ digest, kind: kindOfTag(tag) })),
        false,
      );
    }
  }

  /**
   * Whether nobody promoted an attachment that mirrors have. What staging has too a run was bringing when it was killed, and a proof `artifacts attest` has
   * signed: these are recorded now. Nothing is stray while staging, or the attachment itself, cannot be read: a note says so.
   * @param roots the wanted digests that it belongs to.
   * @param readOwners all manifests that wanted digests consist of. Called only for what is not recorded.
   */
  async isStray(
    attachment: Attachment,
    roots: readonly Digest[],
    holders: readonly At[],
    readOwners: () => Promise<ReadonlyMap<Digest, unknown>>,
  ): Promise<boolean> {
    const { digest } = attachment;
    if (roots.length === 0 || !roots.every((root) => this.#record.of(this.#image, root)?.isWhole)) return false;
    if (roots.some((root) => this.#record.has(this.#image, root, digest))) return false;
    if ((await readOwners()).has(digest)) return false;
    const key = placeOf(attachment);
    const known = this.#judged.get(key) ?? this.#judge(digest, holders);
    this.#judged.set(key, known);
    const verdict = await known;
    if (verdict === "promoted") for (const root of roots) this.#record.add(this.#image, root, digest, "attachment");
    if (verdict === "promoted") return false;
    const where = holders.map(({ name }) => name).join(", ");
    const what = `attachment ${digest} of ${this.#nameOf(roots[0]!)} is in ${where}, and`;
    this.notes.push(
      verdict === "stray"
        ? `- ${what} nobody promoted it: the run removes it`
        : `${what} no run has recorded it: it stays, as staging or the attachment could not be read`,
    );
    return verdict === "stray";
  }

  /** Marks what every mirror has lost. @param mirrors all of them: one that could not be read may have it. */
  compare(mirrors: readonly At[], markIncomplete: (name: string, digest: Digest) => void): void {
    const prefixes = new Map(mirrors.map(({ holding }) => [holding, prefixesIn(holding)]));
    for (const root of this.#digests.keys()) {
      const holders = mirrors.filter(({ holding }) => holding.digests.has(root));
      if (holders.length === 0) continue;
      for (const lost of this.#lostOf(root, holders, prefixes)) {
        this.notes.push(`- ${printRecorded(lost)} of ${this.#nameOf(root)} is in no mirror any more`);
        for (const { name } of holders) markIncomplete(name, root);
      }
    }
  }

  #lostOf(
    root: Digest,
    holders: readonly At[],
    prefixes: ReadonlyMap<Holding, ReadonlySet<string>>,
  ): readonly RecordedAttachment[] {
    const recorded = this.#record.of(this.#image, root)?.attachments ?? [];
    return recorded.filter(({ prefix }) => !holders.some(({ holding }) => prefixes.get(holding)!.has(prefix)));
  }

  async #judge(digest: Digest, holders: readonly At[]): Promise<"stray" | "promoted" | "undecided"> {
    try {
      if (this.#staging && (await headManifest(this.#staging, digest))) return "promoted";
      const [first] = holders;
      const manifest = first && (await getManifest(first.holding.at, digest, attachmentLimits.manifest));
      return manifest !== undefined && isProofManifest(manifest) ? "promoted" : "stray";
    } catch (error) {
      // What is too large to be read is none of ours.
      if (error instanceof WrongContentError) return "stray";
      for (const { holding } of holders) holding.at.signal.throwIfAborted();
      return "undecided";
    }
  }

  #nameOf(digest: Digest): string {
    return nameOfDigest(this.#image, digest, this.#digests.get(digest)!);
  }
}

/** `app:v1`, or `app@sha256:<hex>` of a digest without a tag. */
export function nameOfDigest(image: string, digest: Digest, tags: ReadonlySet<string>): string {
  const [tag] = [...tags].sort();
  return tag === undefined ? `${image}@${digest}` : `${image}:${tag}`;
}

function kindOfTag(tag = ""): RecordedAttachment["kind"] {
  if (tag.endsWith(".sig")) return "signature";
  if (tag.endsWith(".att")) return "attestation";
  return tag.endsWith(".sbom") ? "SBOM" : "attachment";
}

function prefixesIn({ attached, listed }: Holding): ReadonlySet<string> {
  return new Set([...attached.map(({ digest }) => digest), ...(listed?.all ?? [])].map(prefixOf));
}
