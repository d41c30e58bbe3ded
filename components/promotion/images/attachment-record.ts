import type { Digest } from "../oci/digest.ts";
import { joinLines } from "../text/join-lines.ts";
import type { AttachmentKind } from "./admission.ts";
import type { Images } from "./lines.ts";

/** One recorded attachment. */
export interface RecordedAttachment {
  /** `attachment`: an inventory found it, which does not read what it is. */
  readonly kind: AttachmentKind | "attachment";
  /** The first {@link recordedDigits} hex digits of its digest. */
  readonly prefix: string;
}

/** What is attached to one digest, with all that it lists. */
export interface RecordedDigest {
  /** A run wrote it, or an inventory that sees all: what is not among them is stray. Otherwise there may be more. */
  readonly isWhole: boolean;
  readonly attachments: readonly RecordedAttachment[];
}

/** 96 bits: nobody finds other content that begins alike, and a state with thousands of signatures stays small. */
const recordedDigits = 24;
/** Enough to tell the digests of one image apart. */
const keyDigits = 16;

const letters = { signature: "s", attestation: "a", SBOM: "b", artifact: "o", attachment: "u" } as const;
const kinds = new Map(
  Object.entries(letters).map(([kind, letter]) => [letter as string, kind as keyof typeof letters]),
);

/**
 * What is attached to the promoted digests, as the last run or refresh knew it: of what every mirror has lost nothing else tells. A digest that it does not
 * have (a state of an earlier version) is not known: nothing of it is lost or stray.
 */
export class AttachmentRecord {
  readonly #digests: Map<string, RecordedDigest>;

  /** @param text of {@link write}; undefined: nothing is recorded. @throws Error for a line that cannot be read. */
  constructor(text: string | undefined) {
    const lines = (text ?? "").split("\n").filter((line) => line !== "");
    this.#digests = new Map(lines.map(readLine));
  }

  /** What is attached to a digest; undefined: that is not known. */
  of(image: string, digest: Digest): RecordedDigest | undefined {
    return this.#digests.get(keyOf(image, digest));
  }

  /** Whether an attachment is recorded of the digest. */
  has(image: string, digest: Digest, attachment: Digest): boolean {
    const prefix = prefixOf(attachment);
    return this.of(image, digest)?.attachments.some((each) => each.prefix === prefix) === true;
  }

  /** Whether an attachment is recorded of any digest of the image. */
  hasAnywhere(image: string, attachment: Digest): boolean {
    const prefix = prefixOf(attachment);
    for (const [key, { attachments }] of this.#digests)
      if (key.startsWith(`${image}@`) && attachments.some((each) => each.prefix === prefix)) return true;
    return false;
  }

  /** Records all that is attached to a digest. */
  set(
    image: string,
    digest: Digest,
    attachments: Iterable<{ readonly digest: Digest; readonly kind: RecordedAttachment["kind"] }>,
    isWhole = true,
  ): void {
    const byPrefix = new Map([...attachments].map((each) => [prefixOf(each.digest), each.kind] as const));
    const sorted = [...byPrefix].sort(([one], [other]) => (one < other ? -1 : 1));
    this.#digests.set(keyOf(image, digest), {
      isWhole,
      attachments: sorted.map(([prefix, kind]) => ({ kind, prefix })),
    });
  }

  /** Records more of a digest that is known. */
  add(image: string, digest: Digest, attachment: Digest, kind: RecordedAttachment["kind"]): void {
    const key = keyOf(image, digest);
    const known = this.#digests.get(key);
    if (known === undefined || this.has(image, digest, attachment)) return;
    this.#digests.set(key, { ...known, attachments: [...known.attachments, { kind, prefix: prefixOf(attachment) }] });
  }

  /** As text, one line a digest, of those that are wanted. */
  write(wanted: Images): string {
    const lines: string[] = [];
    for (const [image, digests] of wanted)
      for (const digest of digests.keys()) {
        const known = this.of(image, digest);
        if (known) lines.push(writeLine(keyOf(image, digest), known));
      }
    return joinLines(lines);
  }
}

/** The beginning of a digest, as it is recorded. */
export function prefixOf(digest: Digest): string {
  return digest.slice("sha256:".length, "sha256:".length + recordedDigits);
}

/** A recorded attachment for people: `signature sha256:0123456789abcdef01234567...`. */
export function printRecorded({ kind, prefix }: RecordedAttachment): string {
  return `${kind} sha256:${prefix}...`;
}

function keyOf(image: string, digest: Digest): string {
  return `${image}@${digest.slice("sha256:".length, "sha256:".length + keyDigits)}`;
}

function writeLine(key: string, { isWhole, attachments }: RecordedDigest): string {
  return [`${key}${isWhole ? "" : "?"}`, ...attachments.map(({ kind, prefix }) => letters[kind] + prefix)].join(" ");
}

function readLine(line: string): [string, RecordedDigest] {
  const [key = "", ...words] = line.split(" ");
  const attachments = words.map((word): RecordedAttachment => {
    const kind = kinds.get(word.charAt(0));
    if (kind === undefined || word.length !== 1 + recordedDigits)
      throw new Error(`the record of attachments has a line that cannot be read: ${line.slice(0, 100)}`);
    return { kind, prefix: word.slice(1) };
  });
  const isWhole = !key.endsWith("?");
  return [isWhole ? key : key.slice(0, -1), { isWhole, attachments }];
}
