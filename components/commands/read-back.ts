/** Reads back every byte that a mirror shall have, and says what is missing there, or has other content. */
import pLimit from "p-limit";
import { parseFileLines } from "../promotion/files/plan.ts";
import { readFileBack } from "../promotion/files/read-file-back.ts";
import { causeOf } from "../promotion/http/errors.ts";
import { ImageReader } from "../promotion/images/image-reader.ts";
import { sharedImagePromotion } from "../promotion/images/images.ts";
import { readImageLines } from "../promotion/images/lines.ts";
import type { ContentFault } from "../promotion/run/content-fault.ts";
import type { MirrorOrder } from "./fill-order.ts";
import { inShard, type Shard } from "./shard.ts";

/** Something that is not in a mirror as it shall be. */
export interface Finding extends ContentFault {
  readonly project: string;
  readonly kind: "images" | "files";
  /** `image@sha256:...`, or `path sha256:...`. */
  readonly line: string;
}

/** How far a task has come, from which another attempt goes on: it reads none of this again. */
export interface ReadBack {
  /** Digests of images and files in this part. */
  readonly wanted: number;
  /** So many from the first on are read, but for {@link unread}. */
  readonly read: number;
  /** Positions of those that could not be read. */
  readonly unread: readonly number[];
  readonly bytes: number;
  /** How many findings there are; {@link findings} has the first thousands of them. */
  readonly found: number;
  readonly findings: readonly Finding[];
  /** Why something could not be read, one line each; the first of them. */
  readonly unreadable: readonly string[];
}

/** What is read at a time: a digest with all its blobs, or a file. */
interface Item {
  readonly project: string;
  readonly kind: "images" | "files";
  readonly line: string;
  read(): Promise<readonly ContentFault[]>;
}

/** A finding in a line. */
export function findingInWords({ project, what, line, why }: Finding): string {
  return `${project} ${line}: ${what}: ${why}`;
}

/** Items that are read at a time. */
const itemsAtATime = 16;
/** A mirror that has lost everything is named by its first lines. */
const mostFindings = 2_000;

/**
 * Reads one part of what the order's mirror shall have.
 * @param from where an earlier attempt stopped.
 * @param told is called after each item.
 */
export async function readBack(
  order: MirrorOrder,
  shard: Shard,
  signal: AbortSignal,
  from: ReadBack | undefined,
  told: (now: ReadBack) => void,
): Promise<ReadBack> {
  let bytes = from?.bytes ?? 0;
  const received = (more: number): void => {
    bytes += more;
  };
  const reading = { signal, received };
  const items = itemsOf(order, shard, reading);
  const state = new State(items.length, from);
  const atOnce = pLimit(itemsAtATime);
  await Promise.all(
    state.left.map((position) =>
      atOnce(async () => {
        const { project, kind, line, read } = items[position]!;
        try {
          state.wasRead(
            position,
            (await read()).map((fault) => ({ project, kind, line, ...fault })),
          );
        } catch (error) {
          signal.throwIfAborted();
          state.failed(position, `project ${project}, mirror ${order.mirror}: ${line}: ${causeOf(error)}`);
        }
        told({ ...state.now, bytes });
      }),
    ),
  );
  return { ...state.now, bytes };
}

/** All of a part, in an order that is the same for each attempt. */
function itemsOf(
  { mirror, images, files }: MirrorOrder,
  shard: Shard,
  reading: { readonly signal: AbortSignal; received(bytes: number): void },
): Item[] {
  const reader = new ImageReader(sharedImagePromotion().dependencies, reading);
  const ofImages = images.flatMap((request) => {
    const { project } = request;
    const whole = request.mirrors.find(({ name }) => name === mirror);
    const layers = request.layerMirrors.find(({ name }) => name === mirror);
    return [...readImageLines(request.images)].flatMap(([image, digests]) =>
      inShard(shard, project, image)
        ? [...digests].map(([digest, tags]): Item => {
            const read = async () => [
              ...(whole ? await reader.image(request, whole, image, digest, tags) : []),
              ...(layers ? await reader.layers(request, layers, image, digest) : []),
            ];
            return { project, kind: "images", line: `${image}@${digest}`, read };
          })
        : [],
    );
  });
  const ofFiles = files.flatMap((request) => {
    const { project } = request;
    const at = request.mirrors.find(({ name }) => name === mirror)!;
    return [...parseFileLines(request.files)].flatMap(([path, sha256]): Item[] =>
      inShard(shard, project, path)
        ? [
            {
              project,
              kind: "files",
              line: `${path} sha256:${sha256}`,
              read: () => readFileBack(request, at, path, sha256, reading),
            },
          ]
        : [],
    );
  });
  return [...ofImages, ...ofFiles];
}

/** What is done, as a prefix of the items and what is open in it. */
class State {
  readonly #wanted: number;
  readonly #isRead: Uint8Array;
  readonly #unread = new Map<number, string>();
  readonly #findings: Finding[];
  /** Findings of items behind one that is being read: another attempt reads these again. */
  readonly #ahead = new Map<number, readonly Finding[]>();
  #found: number;
  #read: number;

  constructor(wanted: number, from: ReadBack | undefined) {
    this.#wanted = wanted;
    this.#isRead = new Uint8Array(wanted);
    this.#findings = [...(from?.findings ?? [])];
    this.#found = from?.found ?? 0;
    this.#read = from?.read ?? 0;
    this.#isRead.fill(1, 0, this.#read);
    for (const position of from?.unread ?? []) this.#unread.set(position, "");
  }

  /** Positions of what is left to do. */
  get left(): number[] {
    const rest = Array.from({ length: this.#wanted - this.#read }, (_, index) => this.#read + index);
    return [...this.#unread.keys(), ...rest];
  }

  wasRead(position: number, findings: readonly Finding[]): void {
    this.#unread.delete(position);
    this.#ahead.set(position, findings);
    this.#ended(position);
  }

  failed(position: number, why: string): void {
    this.#unread.set(position, why);
    this.#ended(position);
  }

  #ended(position: number): void {
    this.#isRead[position] = 1;
    while (this.#isRead[this.#read] === 1) this.#read++;
    if (position >= this.#read) return;
    for (const [at, findings] of this.#ahead) {
      if (at >= this.#read) continue;
      this.#ahead.delete(at);
      this.#found += findings.length;
      this.#findings.push(...findings.slice(0, Math.max(0, mostFindings - this.#findings.length)));
    }
  }

  get now(): Omit<ReadBack, "bytes"> {
    const unread = [...this.#unread].filter(([position]) => position < this.#read);
    return {
      wanted: this.#wanted,
      read: this.#read,
      unread: unread.map(([position]) => position),
      found: this.#found,
      findings: this.#findings,
      unreadable: [...new Set(unread.flatMap(([, why]) => (why === "" ? [] : [why])))].slice(0, mostFindings),
    };
  }
}
