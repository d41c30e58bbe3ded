import { createHash } from "node:crypto";
import { readAll, WrongContent } from "../blobs/fan-out.ts";
import { causeOf } from "../http/errors.ts";
import type { TrustSettings } from "../run/request.ts";
import { bundlesIn } from "../trust/bundles-in.ts";
import { judge, keysOf, signaturePredicate, type Verdict } from "../trust/policy.ts";
import { PolicyError } from "../trust/policy-error.ts";
import { RefusedError } from "../trust/refused.ts";
import { rootsIn } from "../trust/roots.ts";
import { largestBundle, type Trust, type Verified, verifyBundle } from "../trust/verify-bundle.ts";
import { listsChecksums, readChecksums } from "./checksums.ts";
import { withMemoryFor } from "./mirror-files.ts";
import type { FileSource } from "./sources.ts";

/** What is verified of a project's files: a run, as far as verification needs it. */
interface VerifiedRun {
  readonly wanted: ReadonlyMap<string, string>;
  readonly context: { readonly signal: AbortSignal };
  readonly request: { readonly trust?: TrustSettings | undefined; readonly formerTrust?: TrustSettings | undefined };
  sources(path: string): readonly FileSource[];
}

/** What the signatures of a file prove, and what the policy says of it. */
export interface FileVerification {
  readonly verdict: Verdict;
  /** Why what was found counts for nothing. */
  readonly refusals: readonly string[];
}

/** The end of the name of a file's bundle, beside the file. */
const bundleSuffix = ".sigstore.json";

/**
 * Verifies new files of a project under its policy: by the bundle `<file>.sigstore.json` beside each, or by a signed file of checksums
 * (`SHA256SUMS`) in its folder or one above, which lists it. Both are files of the manifest, so that users find them, and what is verified is
 * what is copied: by the manifest's digests. A bundle itself needs no signature.
 */
export class FileVerifier {
  readonly #run: VerifiedRun;
  readonly #texts = new Map<string, Promise<Buffer>>();

  constructor(run: VerifiedRun) {
    this.#run = run;
  }

  /** Whether a policy asks anything of a file. */
  covers(path: string): boolean {
    const { trust, formerTrust } = this.#run.request;
    return (trust !== undefined || formerTrust !== undefined) && !path.endsWith(bundleSuffix);
  }

  /**
   * What the policies that are required lack of a file: that of the run, and the one before it. None: it may be promoted.
   * @throws the failure of a source.
   */
  async unsatisfied(path: string): Promise<PolicyError[]> {
    const { trust, formerTrust } = this.#run.request;
    const errors: PolicyError[] = [];
    for (const policy of this.covers(path) ? [trust, formerTrust] : []) {
      if (policy?.mode !== "require") continue;
      const { verdict, refusals } = await this.verify(path, policy);
      if (!verdict.satisfied)
        errors.push(new PolicyError(withRefusals(verdict.missing, refusals), policy === formerTrust));
    }
    return errors;
  }

  /** Verifies one file. @throws the failure of a source, if no other has what it asks for. */
  async verify(path: string, policy: TrustSettings): Promise<FileVerification> {
    const trust = { roots: rootsIn(policy.trustedRoot), keys: keysOf(policy) };
    const refusals: string[] = [];
    const own = await this.#verifiedBy(`${path}${bundleSuffix}`, this.#digestOf(path), trust, refusals);
    const lists = await Promise.all(
      this.#listsOf(path).map((list) => this.#verifiedByList(list, path, trust, refusals)),
    );
    return { verdict: judge(policy, [...own, ...lists.flat()]), refusals };
  }

  #digestOf(path: string): string {
    return `sha256:${this.#run.wanted.get(path)!}`;
  }

  /** The files of checksums that may list a file. */
  #listsOf(path: string): string[] {
    return [...this.#run.wanted.keys()].filter((list) => {
      const folder = list.slice(0, list.lastIndexOf("/") + 1);
      return list !== path && path.startsWith(folder) && listsChecksums(list.slice(folder.length));
    });
  }

  /** What is verified about a list that has the file with the manifest's digest. A statement about the list says nothing of the file. */
  async #verifiedByList(list: string, path: string, trust: Trust, refusals: string[]): Promise<Verified[]> {
    if (!this.#run.wanted.has(`${list}${bundleSuffix}`)) return [];
    const folder = list.slice(0, list.lastIndexOf("/") + 1);
    const text = await this.#text(list);
    if (readChecksums(text.toString("utf8"), folder).get(path) !== this.#run.wanted.get(path)) return [];
    const verified = await this.#verifiedBy(`${list}${bundleSuffix}`, this.#digestOf(list), trust, refusals);
    return verified.filter(
      ({ statement }) => statement === undefined || statement.predicateType === signaturePredicate,
    );
  }

  async #verifiedBy(bundle: string, digest: string, trust: Trust, refusals: string[]): Promise<Verified[]> {
    if (!this.#run.wanted.has(bundle)) return [];
    const verified: Verified[] = [];
    for (const text of bundlesIn((await this.#text(bundle)).toString("utf8"))) {
      try {
        verified.push(verifyBundle(text, { digest, ofFile: true }, trust));
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        refusals.push(`${bundle}: ${error.message}`);
      }
    }
    return verified;
  }

  /** A small file of the manifest, with the manifest's digest. */
  #text(path: string): Promise<Buffer> {
    const known = this.#texts.get(path) ?? this.#read(path);
    this.#texts.set(path, known);
    return known;
  }

  async #read(path: string): Promise<Buffer> {
    const { signal } = this.#run.context;
    const wanted = this.#run.wanted.get(path)!;
    const causes: string[] = [];
    for (const source of this.#run.sources(path)) {
      try {
        const object = await source.stat();
        if (object === undefined) continue;
        if (object.size > largestBundle) throw new Error(`it has ${object.size} bytes, more than ${largestBundle}`);
        const bytes = await withMemoryFor(object.size, async () =>
          Buffer.concat(await Array.fromAsync(readAll(source.bucket, object, signal))),
        );
        const found = createHash("sha256").update(bytes).digest("hex");
        if (found !== wanted) throw new WrongContent("other content", found);
        return bytes;
      } catch (error) {
        signal.throwIfAborted();
        causes.push(`${source.bucket.url}/${source.key}: ${causeOf(error)}`);
      }
    }
    throw new Error(causes.length > 0 ? causes.join("; ") : `${path} is in none of the places that were tried`);
  }
}

/** What is missing, with the reasons for which what is there does not count. */
export function withRefusals(missing: readonly string[], refusals: readonly string[]): string[] {
  if (refusals.length === 0) return [...missing];
  return [...missing.slice(0, -1), `${missing.at(-1)} (${[...new Set(refusals)].slice(0, 3).join("; ")})`];
}
