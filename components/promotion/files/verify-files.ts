import { createHash } from "node:crypto";
import { readAll, WrongContent } from "../blobs/fan-out.ts";
import { causeOf } from "../http/errors.ts";
import type { TrustSettings } from "../run/request.ts";
import { bundlesIn } from "../trust/bundles-in.ts";
import { isSignature, isTrusted, judge, keysOf, type Verdict } from "../trust/policy.ts";
import type { PolicyError } from "../trust/policy-error.ts";
import { RefusedError } from "../trust/refused.ts";
import { unsatisfied } from "../trust/required.ts";
import { currentRoots } from "../trust/tuf-roots.ts";
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
  /** Hex digests of the bundles that the verdict rests on, by path. */
  readonly bundles: ReadonlyMap<string, string>;
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
  readonly #policies = new Map<TrustSettings, PolicyVerifier>();
  #lists: readonly SignedList[] | undefined;

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
    if (!this.covers(path)) return [];
    return await unsatisfied(this.#run.request, async (policy) => {
      const { verdict, refusals } = await this.verify(path, policy);
      return withRefusals(verdict.missing, refusals);
    });
  }

  /** Verifies one file. @throws the failure of a source, if no other has what it asks for. */
  async verify(path: string, policy: TrustSettings): Promise<FileVerification> {
    const verifier = this.#policies.get(policy) ?? this.#policyVerifier(policy);
    this.#policies.set(policy, verifier);
    const own = await verifier.verified(path);
    const lists = await Promise.all(
      this.#signedLists().map(async (list): Promise<VerifiedFile> => {
        if (list.path === path || !path.startsWith(list.folder)) return nothing;
        if ((await list.listed()).get(path) !== this.#run.wanted.get(path)) return nothing;
        const { bundle, verified, refusals } = await verifier.verified(list.path);
        return { bundle, verified: verified.filter(isSignature), refusals }; // a statement about a list says nothing of the files in it
      }),
    );
    const all = [own, ...lists];
    const { wanted } = this.#run;
    const counted = all.filter(({ verified }) => verified.some(({ signer }) => isTrusted(signer, policy.signers)));
    const bundles = new Map(counted.map(({ bundle }) => [bundle, wanted.get(bundle) ?? ""]));
    const verdict = judge(
      policy,
      all.flatMap(({ verified }) => verified),
    );
    return { verdict, bundles, refusals: all.flatMap(({ refusals }) => refusals) };
  }

  /** Files of checksums that are signed; what each lists is read once. */
  #signedLists(): readonly SignedList[] {
    const { wanted } = this.#run;
    this.#lists ??= [...wanted.keys()].flatMap((path): SignedList[] => {
      const folder = path.slice(0, path.lastIndexOf("/") + 1);
      if (!listsChecksums(path.slice(folder.length)) || !wanted.has(`${path}${bundleSuffix}`)) return [];
      let listed: Promise<ReadonlyMap<string, string>> | undefined;
      const read = async () => readChecksums((await this.#text(path)).toString("utf8"), folder);
      return [{ path, folder, listed: () => (listed ??= read()) }];
    });
    return this.#lists;
  }

  #policyVerifier(policy: TrustSettings): PolicyVerifier {
    const trust = async () => {
      const { roots } = await currentRoots(policy.trustedRoot, policy.signers);
      return { roots, keys: keysOf(policy) };
    };
    return new PolicyVerifier(trust, async (path) => {
      const bundle = `${path}${bundleSuffix}`;
      if (!this.#run.wanted.has(bundle)) return [];
      const digest = `sha256:${this.#run.wanted.get(path)!}`;
      return bundlesIn((await this.#text(bundle)).toString("utf8")).map((text) => ({ bundle, text, digest }));
    });
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

/** A file of checksums that has a bundle. */
interface SignedList {
  readonly path: string;
  readonly folder: string;
  /** Hex digests by path. */
  listed(): Promise<ReadonlyMap<string, string>>;
}

/** What the bundle beside a file proves, and why what does not verify is refused. */
interface VerifiedFile {
  /** Path of the bundle; "" if it is not looked at. */
  readonly bundle: string;
  readonly verified: readonly Verified[];
  readonly refusals: readonly string[];
}

const nothing: VerifiedFile = { bundle: "", verified: [], refusals: [] };

/** What is verified by the roots and keys of one policy: each file once, though a list of checksums counts for all that it lists. */
class PolicyVerifier {
  readonly #trust: () => Promise<Trust>;
  readonly #bundles: (path: string) => Promise<readonly { bundle: string; text: string; digest: string }[]>;
  readonly #known = new Map<string, Promise<VerifiedFile>>();

  constructor(
    trust: () => Promise<Trust>,
    bundles: (path: string) => Promise<readonly { bundle: string; text: string; digest: string }[]>,
  ) {
    this.#trust = trust;
    this.#bundles = bundles;
  }

  verified(path: string): Promise<VerifiedFile> {
    const known = this.#known.get(path) ?? this.#verify(path);
    this.#known.set(path, known);
    return known;
  }

  async #verify(path: string): Promise<VerifiedFile> {
    const verified: Verified[] = [];
    const refusals: string[] = [];
    const bundles = await this.#bundles(path);
    if (bundles.length === 0) return nothing;
    const trust = await this.#trust();
    for (const { bundle, text, digest } of bundles) {
      try {
        verified.push(verifyBundle(text, { digest, ofFile: true }, trust));
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        refusals.push(`${bundle}: ${error.message}`);
      }
    }
    return { bundle: `${path}${bundleSuffix}`, verified, refusals };
  }
}

/** What is missing, with the reasons for which what is there does not count. */
export function withRefusals(missing: readonly string[], refusals: readonly string[]): string[] {
  if (refusals.length === 0) return [...missing];
  return [...missing.slice(0, -1), `${missing.at(-1)} (${[...new Set(refusals)].slice(0, 3).join("; ")})`];
}
