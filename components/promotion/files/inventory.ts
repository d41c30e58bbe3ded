import { CircuitBreaker } from "../run/circuit-breaker.ts";
import { InventoryFailures, inventoryOf } from "../run/inventory.ts";
import { sumOf } from "../run/mirror-run.ts";
import type { Context, FileMirror, FilesRequest, Inventory } from "../run/request.ts";
import type { Stored } from "../storage/bucket.ts";
import { withoutQuotes } from "../storage/etag.ts";
import { severityInBucket } from "../storage/severity.ts";
import { joinLines } from "../text/join-lines.ts";
import { printable } from "../text/printable.ts";
import { MirrorFiles, openBucket } from "./mirror-files.ts";
import { type Files, fileLine, parseFileLines } from "./plan.ts";
import { provenPath } from "./proof-path.ts";

/**
 * What every mirror has of a project, by listings. Asks for single objects only where a listing does not show that they are as wanted, and reads content only
 * where a store cannot prove its digest.
 *
 * A listing of GCS has what proves each digest. One of S3 has sizes and ETags: an object whose ETag is the MD5 that GCS has of the same file, proven there, is
 * as wanted, and so is one that was sent in parts and has the ETag that was recorded in GCS when it was. Others are asked for in the first mirror in S3 that is
 * read, and in the next ones where they have another ETag than there.
 *
 * The promotion's proof of a file belongs to the file: where promotions are signed, a mirror that lacks a proof that another one has, or has another, has the
 * file incomplete (`~ `).
 */
export async function takeFilesInventory(request: FilesRequest, context: Context): Promise<Inventory> {
  const { project, mirrors } = request;
  const wanted = parseFileLines(request.files);
  const positions = new Map([...wanted.keys()].map((path, index) => [path, index]));
  const failures = new InventoryFailures(project);
  const found = new Map<string, { readonly lines: readonly string[]; readonly listing: Listing }>();
  const progress = mirrors.map(({ name }) => ({ name, done: 0, total: 0, failed: 0, bytes: 0 }));
  const first = mirrors.findIndex(({ kind }) => kind === "gcs");
  const firstInS3 = mirrors.findIndex(({ kind }) => kind === "s3");
  const read = async (mirror: FileMirror, index: number, known?: Sums, asked?: Promise<Sums>): Promise<Sums> => {
    const { name } = mirror;
    const breaker = new CircuitBreaker(severityInBucket);
    const files = new MirrorFiles(openBucket(request.storage, mirror), request.prefix, breaker, context.signal);
    const keepsSums = index === first || index === firstInS3;
    const listing = new Listing({ kind: mirror.kind, files, project, wanted, positions, known, keepsSums });
    try {
      const { unprintable, extra } = await listing.read((done, total) => {
        progress[index] = { name, done, total, failed: 0, bytes: 0 };
        context.report(sumOf(progress));
      }, asked);
      const oddName = (path: string) =>
        `has a file whose name is not one line of text, "${printable(path, 100)}": remove it by hand`;
      failures.hasBroken(name, unprintable.map(oddName));
      const missing = [...wanted].filter(([path]) => !listing.has(path));
      found.set(name, { lines: [...missing.map(marked("+")), ...extra.map(marked("-"))], listing });
    } catch (error) {
      context.signal.throwIfAborted();
      failures.cannotRead(name, error);
    }
    return listing.sums;
  };
  // The first listing of GCS gives the sums by which those of S3 are read, the first of S3 what had to be asked for; all others run beside them.
  const sums = first < 0 ? undefined : read(mirrors[first]!, first);
  const inS3 = async (): Promise<Sums> => await read(mirrors[firstInS3]!, firstInS3, await sums);
  const asked = firstInS3 < 0 ? undefined : inS3();
  await Promise.all(
    mirrors.map(async (mirror, index) => {
      if (index === first) await sums;
      else if (index === firstInS3) await asked;
      else if (mirror.kind === "s3") await read(mirror, index, await sums, asked);
      else await read(mirror, index);
    }),
  );
  const listings = [...found].map(([name, { listing }]) => [name, listing] as const);
  const unproven = request.signing === undefined ? new Map<string, string[]>() : unprovenAt(wanted, listings);
  const differences = new Map(
    [...found].map(([name, { lines }]) => [name, joinLines([...lines, ...(unproven.get(name) ?? [])])]),
  );
  const lines = [...wanted].map(([path, sha256]) => fileLine(path, sha256));
  return inventoryOf(mirrors, lines, differences, failures, (line) => [line]);
}

/** By mirror, the lines of the files that are there without the proof that other mirrors have. Where they have different ones, none counts. */
function unprovenAt(wanted: Files, listings: readonly (readonly [string, Listing])[]): Map<string, string[]> {
  const lines = new Map(listings.map(([name]) => [name, [] as string[]]));
  for (const [path, sha256] of wanted) {
    const proofs = listings.map(([, listing]) => listing.proofs.get(path));
    const different = new Set(proofs.filter((sum) => sum !== undefined)).size;
    if (different === 0) continue;
    for (const [index, [name, listing]] of listings.entries())
      if (listing.has(path) && (different > 1 || proofs[index] === undefined))
        lines.get(name)!.push(`~ ${fileLine(path, sha256)}`);
  }
  return lines;
}

/** Of what has a wanted file's digest, by the file's position. */
interface Sums {
  /** Size and MD5, as the store has them. */
  readonly md5: (string | undefined)[];
  /** Size and ETag in S3 of what was sent there in parts. */
  readonly etag: Map<number, string>;
}

function marked(sign: "+" | "-"): (file: readonly [string, string]) => string {
  return ([path, sha256]) => `${sign} ${fileLine(path, sha256)}`;
}

interface ListingTask {
  readonly kind: FileMirror["kind"];
  readonly files: MirrorFiles;
  readonly project: string;
  readonly wanted: Files;
  readonly positions: ReadonlyMap<string, number>;
  /** By what the objects of a listing of S3 are recognised. */
  readonly known: Sums | undefined;
  /** Whether its sums are what others are read by: kept for each mirror they were most of an inventory's memory. */
  readonly keepsSums: boolean;
}

/** One mirror's listing, compared page by page: of hundreds of thousands of files only what differs is kept. */
class Listing {
  /** The sums of the wanted files that are proven here. */
  readonly sums: Sums = { md5: [], etag: new Map() };
  /** Size and MD5 of the proofs of wanted files, by the file's path; of one without an MD5 its SHA-256. */
  readonly proofs = new Map<string, string>();
  readonly #task: ListingTask;
  /** 1 for each wanted file that is there, by its position. */
  readonly #present: Uint8Array;
  readonly #extra: [string, string][] = [];

  constructor(task: ListingTask) {
    this.#task = task;
    this.#present = new Uint8Array(task.wanted.size);
  }

  /** Whether the wanted file is there. */
  has(path: string): boolean {
    return this.#present[this.#task.positions.get(path)!] === 1;
  }

  /**
   * Reads the listing, then asks for what it does not decide.
   * @param asked what another mirror in S3 had to ask for.
   * @returns paths that a line cannot contain, which S3 allows; and what is not wanted, with its digest.
   */
  async read(
    report: (done: number, total: number) => void,
    asked?: Promise<Sums>,
  ): Promise<{ unprintable: readonly string[]; extra: readonly [string, string][] }> {
    const unprintable: string[] = [];
    const open: [string, Stored][] = [];
    let done = 0;
    const take = (page: readonly (readonly [string, Stored])[]): void => {
      for (const [path, object] of page) {
        if (isUnprintable(path)) unprintable.push(path);
        else if (this.#isProof(path, object)) done++;
        else if (!this.#isAsKnown(path, object)) open.push([path, object]);
        else done++;
      }
      report(done, done + open.length);
    };
    await this.#task.files.eachPage(take, { absentIsEmpty: true }); // the bucket of a lost region; the next run fills the new one
    const total = done + open.length;
    const answered = open.length === 0 ? undefined : await asked;
    await Promise.all(
      open.map(async ([path, object]) => {
        if (!this.#isAsKnown(path, object, answered)) {
          const found = await this.#task.files.identified(path, object);
          if (found !== undefined) this.#take(path, found, found.sha256);
        }
        report(++done, total);
      }),
    );
    return { unprintable, extra: this.#extra };
  }

  /** Whether an object is the proof of a wanted file, and no wanted file itself. */
  #isProof(path: string, object: Stored): boolean {
    const about = provenPath(path);
    if (about === undefined || !this.#task.wanted.has(about) || this.#task.wanted.has(path)) return false;
    this.proofs.set(about, object.md5 === undefined ? `${object.size} ${object.sha256}` : sumOfObject(object));
    return true;
  }

  /** Whether the listing itself shows what the object is. */
  #isAsKnown(path: string, object: Stored, known = this.#task.known): boolean {
    if (object.sha256 !== undefined) {
      this.#take(path, object, object.sha256);
      return true;
    }
    const position = this.#task.positions.get(path);
    if (position === undefined || known === undefined) return false;
    const isSame =
      (object.md5 !== undefined && known.md5[position] === sumOfObject(object)) ||
      known.etag.get(position) === etagOfObject(object);
    if (isSame) this.#present[position] = 1;
    return isSame;
  }

  #take(path: string, object: Stored, sha256: string): void {
    const { kind, positions, wanted, project, keepsSums } = this.#task;
    const position = positions.get(path);
    const isForeign = object.project !== undefined && object.project !== project;
    // Another project's object is not a difference of this project, even if the prefixes of the two overlap.
    if (isForeign) return;
    if (position === undefined || wanted.get(path) !== sha256) {
      this.#extra.push([path, sha256]);
      return;
    }
    this.#present[position] = 1;
    if (!keepsSums) return;
    if (object.md5 !== undefined) this.sums.md5[position] = sumOfObject(object);
    if (kind === "s3") this.sums.etag.set(position, etagOfObject(object));
    else if (object.partsEtag !== undefined) this.sums.etag.set(position, `${object.size} ${object.partsEtag}`);
  }
}

function sumOfObject({ size, md5 }: Stored): string {
  return `${size} ${md5}`;
}

function etagOfObject({ size, version }: Stored): string {
  return `${size} ${withoutQuotes(version)}`;
}

function isUnprintable(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(path);
}
