import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { X509Certificate } from "@sigstore/core";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import { printable } from "../text/printable.ts";

/** Who may issue certificates, log signatures and confirm times: what verification rests on. */
export interface Roots {
  /** Without the keys of a policy. */
  readonly material: TrustMaterial;
  /** Name of each transparency log, by its id in base64. */
  readonly logs: ReadonlyMap<string, string>;
}

/**
 * Reads a `trusted_root.json` (sigstore/protobuf-specs, TrustedRoot), as `cosign trusted-root create` and TUF repositories have it.
 * @throws Error if it is not one.
 */
export function readRoots(text: string): Roots {
  let root: TrustedRoot;
  try {
    root = TrustedRoot.fromJSON(JSON.parse(text));
    const material = toTrustMaterial(root);
    if (material.certificateAuthorities.length === 0) throw new Error("it names no certificate authority");
    for (const { certChain } of [...material.certificateAuthorities, ...material.timestampAuthorities])
      certChain.forEach(keepEncoding);
    const logs = root.tlogs.map(({ logId, checkpointKeyId, baseUrl }): [string, string] => [
      Buffer.from((checkpointKeyId ?? logId)?.keyId ?? []).toString("base64"),
      baseUrl,
    ]);
    return { material, logs: new Map(logs) };
  } catch (error) {
    throw new Error(`this is not a Sigstore trusted root: ${printable(String(error), 200)}`);
  }
}

/**
 * The library encodes the certificates of the roots anew for each comparison and signature, a third of the time of a verification. They do not
 * change.
 */
function keepEncoding({ root }: X509Certificate): void {
  for (const part of [root, ...root.subs.slice(0, 1)]) {
    const der = part.toDER();
    part.toDER = () => der;
  }
}

/**
 * The roots of Sigstore's public instance, as the installed package has them: pinned by the lockfile, without a request. Logs and authorities that are
 * newer than the package are not among them.
 */
export function publicRoots(): Roots {
  known ??= readRoots(publicSeed("trusted_root.json").toString("utf8"));
  return known;
}

/** Where clients of Sigstore's public instance get its roots (sigstore/root-signing). */
export const publicInstance = "https://tuf-repo-cdn.sigstore.dev";

/** What the installed @sigstore/tuf has of the public instance: the metadata that it begins with, and the roots of that day. */
export function publicSeed(name: "root.json" | "trusted_root.json"): Buffer {
  const path = createRequire(import.meta.url).resolve("@sigstore/tuf/seeds.json");
  const seeds = JSON.parse(readFileSync(path, "utf8")) as Record<
    string,
    { "root.json": string; targets: Record<string, string> } | undefined
  >;
  const seed = seeds[publicInstance];
  const found = name === "root.json" ? seed?.[name] : seed?.targets[name];
  if (found === undefined)
    throw new Error(`@sigstore/tuf has no ${name} of ${publicInstance}: install its pinned version`);
  return Buffer.from(found, "base64");
}

/**
 * The roots that a stack names, read once in this process.
 * @param file of a private Sigstore's trusted root; "": those of the public instance.
 * @throws Error that names the file.
 */
export function rootsIn(file: string): Roots {
  const read = files.get(file) ?? (file === "" ? publicRoots() : readFile(file));
  files.set(file, read);
  return read;
}

const files = new Map<string, Roots>();

function readFile(file: string): Roots {
  try {
    return readRoots(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`artifacts:trust.trustedRoot: ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

let known: Roots | undefined;
