import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { printable } from "../text/printable.ts";
import type { SignerRule } from "./policy.ts";
import { publicInstance, publicRoots, publicSeed, type Roots, readRoots, rootsIn } from "./roots.ts";

/** A repository of The Update Framework (theupdateframework.github.io/specification) that has a `trusted_root.json`, and where trust in it begins. */
export interface TufRepository {
  readonly url: string;
  /** Its root.json, of any version: later ones are signed by the keys of the one before. */
  readonly bootstrap: Buffer;
  /** Where its metadata is kept between runs: without it nobody notices that older metadata is served than before. */
  readonly cache: string;
  /** What is used while it cannot be reached and the cache has expired. */
  fallback(): Roots;
}

/** Roots, and why they may be old. */
export interface RefreshedRoots {
  readonly roots: Roots;
  /** For people: what the roots are instead of fresh; undefined: they are fresh. */
  readonly notice?: string;
}

/**
 * SHA-256 of version 16 of root.json of sigstore/root-signing (metadata/16.root.json), which @sigstore/tuf carries in seeds.json. Whoever upgrades that package
 * compares the new one with https://tuf-repo-cdn.sigstore.dev/<version>.root.json and writes its hash here.
 */
const publicBootstrap = "27aea7e372aa7864065174f0661784fcf8b0e28b1dbfebeada31a0f1fb19167f";

/**
 * The repository of Sigstore's public instance.
 * @throws Error if the installed package begins with another root than this file says.
 * @internal exported for its tests.
 */
export function publicRepository(): TufRepository {
  const bootstrap = publicSeed("root.json");
  const found = createHash("sha256").update(bootstrap).digest("hex");
  if (found !== publicBootstrap)
    throw new Error(`@sigstore/tuf begins with the root ${found}, not with ${publicBootstrap} that tuf-roots.ts pins`);
  const { XDG_CACHE_HOME } = process.env;
  const cache = join(XDG_CACHE_HOME || join(homedir(), ".cache"), "artifacts", "tuf");
  return { url: publicInstance, bootstrap, cache, fallback: publicRoots };
}

/**
 * The roots that a repository has now. Metadata that is signed by others, older than what was seen before, or expired is refused. A repository that cannot be
 * reached is not: then the cache serves until it expires, and after that the fallback.
 * @throws Error that says what is wrong with the repository.
 * @internal exported for its tests.
 */
export async function refreshRoots(repository: TufRepository): Promise<RefreshedRoots> {
  const { url, fallback } = repository;
  try {
    return { roots: await read(repository, false) };
  } catch (error) {
    if (!isUnreachable(error)) throw refusal(url, error);
    const unreachable = `the roots of ${url} could not be refreshed: ${textOf(error)}`;
    try {
      const roots = await read(repository, true);
      return { roots, notice: `${unreachable}. Those of the last refresh are used, which have not expired` };
    } catch {
      const notice = `${unreachable}. Those of the installed package are used: logs and authorities that are newer, and revocations, are unknown`;
      return { roots: fallback(), notice };
    }
  }
}

/** Works on a copy of the cache, so that runs at the same time do not disturb each other and what is refused leaves nothing behind. */
async function read({ url, bootstrap, cache }: TufRepository, isOffline: boolean): Promise<Roots> {
  const { initTUF } = await import("@sigstore/tuf");
  const kept = join(cache, encodeURIComponent(url));
  const work = await folderIn(cache);
  try {
    const name = encodeURIComponent(new URL(url).host + new URL(url).pathname.replace(/\/$/, ""));
    await cp(kept, join(work, name), { recursive: true }).catch(ignoreAbsent);
    const rootPath = join(work, "bootstrap.json");
    await writeFile(rootPath, bootstrap);
    const options = {
      mirrorURL: url,
      cachePath: work,
      rootPath,
      retry: { retries: 1, minTimeout: 200 },
      timeout: 5000,
    };
    const client = await initTUF({ ...options, forceCache: isOffline });
    const roots = readRoots(await client.getTarget("trusted_root.json"));
    // None is there yet; or another run was faster, with metadata as good; or the cache can be read, not written.
    await rename(kept, join(work, "old")).catch(() => {});
    await rename(join(work, name), kept).catch(() => {});
    return roots;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A folder of its own; not in the cache where that cannot be written: then nothing is kept. */
async function folderIn(cache: string): Promise<string> {
  try {
    await mkdir(cache, { recursive: true });
    return await mkdtemp(join(cache, ".work-"));
  } catch {
    return await mkdtemp(join(tmpdir(), "tuf-"));
  }
}

function ignoreAbsent(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

/** Whether nothing was refused: the repository did not answer, or with an error of its server. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof TypeError) return error.message === "fetch failed";
  if (namesOf(error).some((name) => name === "DownloadHTTPError" || name === "TimeoutError")) return true;
  return error instanceof Error && isUnreachable(error.cause);
}

function refusal(url: string, error: unknown): Error {
  const advice = "set artifacts:trust.trustedRoot to a trusted root that you have from elsewhere, if you must go on";
  if (namesOf(error).includes("ExpiredMetadataError"))
    return new Error(
      `the roots of ${url} are refused: ${textOf(error)}. Its operators have not renewed them, or somebody holds newer ones back (or this machine's clock is wrong): ${advice}`,
    );
  return new Error(`the roots of ${url} are refused: ${textOf(error)}: ${advice}`);
}

/** The names of an error's class and of those of its causes. */
function namesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return [error.constructor.name, error.name, ...namesOf(error.cause)];
}

function textOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  return printable(cause instanceof Error ? `${message}: ${cause.message}` : message, 300);
}

/** Why roots may be old, for a preview; undefined: they are fresh, or cannot be read, which is the error of what they were to verify. */
export async function noticeOf(roots: Promise<RefreshedRoots>): Promise<string | undefined> {
  return await roots.then(
    ({ notice }) => notice,
    () => undefined,
  );
}

/** ms for which a refusal counts: each digest and file that is verified asks for the roots. */
const refusalCounts = 60_000;

/**
 * The roots of a repository, asked for once as long as they are not refused: whoever comes a minute after a refusal asks again.
 * @param now ms.
 * @internal exported for its tests.
 */
export function refreshedOnce(
  repository: () => TufRepository,
  now: () => number = () => performance.now(),
): () => Promise<RefreshedRoots> {
  let refreshed: Promise<RefreshedRoots> | undefined;
  let againAt = Number.POSITIVE_INFINITY;
  return async () => {
    if (refreshed === undefined || now() >= againAt) {
      againAt = Number.POSITIVE_INFINITY;
      refreshed = refreshRoots(repository());
      refreshed.catch(() => {
        againAt = now() + refusalCounts;
      });
    }
    return await refreshed;
  };
}

const publicRootsNow = refreshedOnce(publicRepository);

/**
 * The roots that verification of a policy rests on: of a private Sigstore from its file; of the public instance fresh, asked for once in this process. A policy
 * by keys alone needs none that are fresh.
 * @param file of a private Sigstore's trusted root; "": the public instance.
 * @throws Error that says what is wrong with the file or the repository.
 */
export async function currentRoots(file: string, signers: readonly SignerRule[]): Promise<RefreshedRoots> {
  if (file !== "" || signers.every((rule) => "key" in rule)) return { roots: rootsIn(file) };
  return await publicRootsNow();
}
