import { createHash } from "node:crypto";
import { readAll } from "../blobs/fan-out.ts";
import type { MirrorRun } from "../run/mirror-run.ts";
import type { Context, FilesRequest } from "../run/request.ts";
import { ObjectExists, type Stored } from "../storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../storage/crc32c.ts";
import { largestBundle } from "../trust/verify-bundle.ts";
import { type FileProof, fileProofOf } from "./file-proof.ts";
import { type Identified, type MirrorFiles, withMemoryFor } from "./mirror-files.ts";
import type { MirrorPlan } from "./plan.ts";
import { isProvable, proofPath } from "./proof-path.ts";
import { releaseFileHeaders } from "./release-file.ts";
import type { FileVerifier } from "./verify-files.ts";

/** A mirror, as far as proofs need it. */
interface ProvenMirror extends Pick<MirrorRun, "name" | "givenUp"> {
  readonly plan: MirrorPlan;
  readonly files: MirrorFiles;
  readonly proofs: Map<string, Identified>;
  readonly settledProofs: Set<string>;
}

/** A run, as far as proofs need it. */
interface ProvenRun<Mirror> {
  readonly request: FilesRequest;
  readonly context: Pick<Context, "signal">;
  readonly wanted: ReadonlyMap<string, string>;
  readonly all: readonly Mirror[];
  readonly verifier: FileVerifier;
}

/** Mirrors that are asked for a proof although this run has nothing to do there. */
const mostAsked = 2;

/** The promotion's proofs of a run's files: what the mirrors have of them, and what they get. Without `artifacts:signing` there are none. */
export class FileProver<Mirror extends ProvenMirror> {
  readonly #run: ProvenRun<Mirror>;

  constructor(run: ProvenRun<Mirror>) {
    this.#run = run;
  }

  /** Whether a file gets a proof. */
  covers(path: string): boolean {
    return this.#run.request.signing !== undefined && isProvable(path);
  }

  /** Looks what a mirror has in the proof's place. */
  async look(mirror: Mirror, path: string, find: (path: string) => Promise<Stored | undefined>): Promise<void> {
    if (!this.covers(path)) return;
    const listed = await find(proofPath(path));
    const object = listed && (await mirror.files.identified(proofPath(path), listed));
    if (object) mirror.proofs.set(path, object);
  }

  /** The proofs that mirrors are known to lack, or to have otherwise: names of these mirrors by the file's path. */
  lacking(): Map<string, string[]> {
    const lacking = new Map<string, string[]>();
    for (const mirror of this.#run.all)
      for (const path of this.unsettled(mirror)) lacking.set(path, [...(lacking.get(path) ?? []), mirror.name]);
    return lacking;
  }

  /**
   * The proof of a file. @param isNew no mirror has the file: it is signed unless a stopped run has left its proof.
   * @throws if it cannot be signed.
   */
  async proofOf(path: string, isNew: boolean): Promise<FileProof | undefined> {
    const { request, wanted, verifier } = this.#run;
    const { signing: settings, trust } = request;
    if (settings === undefined || !isProvable(path)) return undefined;
    const verify = async () =>
      trust && { ...(await verifier.verify(path, trust)), builtByNamed: (trust.provenance?.builders ?? []).length > 0 };
    const found = () => this.#candidates(path);
    return await fileProofOf(
      { path, sha256: wanted.get(path)!, request, settings, found, verify },
      isNew || settings.late === true,
    );
  }

  /** What mirrors have in a proof's place, each content once. */
  async *#candidates(path: string): AsyncGenerator<Buffer> {
    const { all, context } = this.#run;
    const seen = new Set<string>();
    let asked = 0;
    for (const mirror of all) {
      const { plan, files, givenUp } = mirror;
      if (givenUp !== undefined) continue;
      const isLookedAt = plan.unknown || plan.add.has(path);
      if (!isLookedAt && ++asked > mostAsked) continue;
      try {
        const object = isLookedAt ? mirror.proofs.get(path) : await files.stat(proofPath(path));
        if (object === undefined || object.size > largestBundle) continue;
        const bytes = await withMemoryFor(object.size, async () =>
          Buffer.concat(await Array.fromAsync(readAll(files.bucket, object, context.signal))),
        );
        const digest = createHash("sha256").update(bytes).digest("hex");
        if (!seen.has(digest)) yield bytes;
        seen.add(digest);
      } catch {
        context.signal.throwIfAborted(); // a mirror that cannot be asked is no source
      }
    }
  }

  /** Whether a mirror that was looked at has this proof. */
  has(mirror: Mirror, path: string, { sha256 }: FileProof): boolean {
    return mirror.proofs.get(path)?.sha256 === sha256;
  }

  /** Writes a proof to a mirror, in the place of another one if there is one. */
  async bring(mirror: Mirror, path: string, { bytes, sha256 }: FileProof): Promise<void> {
    const { request, context } = this.#run;
    const { files } = mirror;
    const sum = encodeCrc32c(crc32c(bytes));
    const at = proofPath(path);
    // A proof may be made anew: caches ask again as for a mutable file.
    const headers = releaseFileHeaders(request.project, at, true);
    const over = mirror.proofs.get(path);
    await files.attempt(async () => {
      const content = { size: bytes.length, sha256, crc32c: sum };
      const upload = await files.bucket.create(files.key(at), content, headers, context.signal, over);
      try {
        await upload.finish({ bytes, offset: 0, crc32c: sum });
      } catch (error) {
        await upload.abort();
        const there = error instanceof ObjectExists ? await files.stat(at) : undefined;
        if (there === undefined || (await files.identified(at, there))?.sha256 !== sha256) throw error;
      }
    });
  }

  /** Records that nothing remains to be done for a file's proof at a mirror. */
  settle(mirror: Mirror, path: string): void {
    mirror.settledProofs.add(path);
  }

  /** The files whose proof a mirror lacked and lacks still. */
  unsettled(mirror: Mirror): string[] {
    return [...mirror.plan.unproven.keys()].filter(
      (path) => this.covers(path) && this.#run.wanted.has(path) && !mirror.settledProofs.has(path),
    );
  }
}
