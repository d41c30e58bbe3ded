import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { sdkVersion } from "../plugin/sdk-version.ts";
import { CommandError } from "./command.ts";

/** The file of the hashes, from the repository's root: lines as `sha256sum` writes them. */
export const engineHashesFile = "engine.sha256";

/** Where Pulumi publishes the archives. */
export const engineSource = "https://get.pulumi.com/releases";

/** An archive of the engine: its CLI, or the plugin of one provider. */
export interface EngineArchive {
  /** The provider; undefined: the CLI. */
  readonly provider: string | undefined;
  readonly version: string;
  /** Its name in the file of hashes. */
  readonly file: string;
  /** Below {@link engineSource}. */
  readonly path: string;
}

/** Platforms whose archives are pinned: those of the workflows' machines, and of people. */
export const enginePlatforms = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"] as const;

/**
 * The archives that the program needs on a platform (`<os>-<arch>` as Node names them), in the versions of the installed SDK packages: the engine's
 * is that of `@pulumi/pulumi`.
 */
export function engineArchives(platform: string): EngineArchive[] {
  const [os = "", arch = ""] = platform.split("-");
  const cli = sdkVersion("pulumi");
  const cliFile = `pulumi-v${cli}-${os}-${arch}.tar.gz`;
  const plugins = ["gcp", "aws", "cloudflare"].map((provider) => {
    const version = sdkVersion(provider);
    const file = `pulumi-resource-${provider}-v${version}-${os}-${arch === "x64" ? "amd64" : arch}.tar.gz`;
    return { provider, version, file, path: `plugins/${file}` };
  });
  return [{ provider: undefined, version: cli, file: cliFile, path: `sdk/${cliFile}` }, ...plugins];
}

/** Reads the file of hashes: SHA-256 in hex by the archive's name. Lines of another form are ignored, as comments are. Pure. */
export function engineHashes(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^([0-9a-f]{64}) [ *](\S+)$/gm)].map(([, hash, file]) => [file!, hash!]));
}

/** Downloads an archive into a file. @returns its SHA-256 in hex. @throws CommandError if it can't be had. */
export async function downloadArchive(url: string, file: string): Promise<string> {
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    const response = await fetch(url);
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(body, hashing, createWriteStream(file));
  } catch (error) {
    const { message, cause } = error as Error;
    throw new CommandError(`${url}: ${cause instanceof Error ? cause.message : message}`);
  }
  return hash.digest("hex");
}

/** @throws CommandError if an archive's SHA-256 is not the pinned one; none is none. */
export function checkArchive(file: string, hash: string, pinned: string | undefined): void {
  if (hash !== pinned)
    throw new CommandError(`${file}: its SHA-256 is ${hash}, not ${pinned} as ${engineHashesFile} names`);
}
