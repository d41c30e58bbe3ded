/** Clients of the published artifacts: pull, download, verify, run. Prints where each part came from. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readReferrers, verifySignature } from "./client/attachments.ts";
import { curlFile } from "./client/curl.ts";
import { downloadFile } from "./client/download-file.ts";
import { follow, way } from "./client/follow.ts";
import { containerPlatform, pullImage } from "./client/pull-image.ts";
import { regctlCopy } from "./client/regctl.ts";
import { runPulledProgram } from "./client/run-program.ts";
import { say } from "./screen.ts";
import { demoPublicKey } from "./seed/signature.ts";

/** The published system as its clients see it. */
export interface Site {
  /** The load balancer, e.g. `http://127.0.0.1:5520`. */
  readonly base: string;
  /** `host:port` -> name of the server, for output. */
  readonly names: ReadonlyMap<string, string>;
  /** Scratch folder. */
  readonly folder: string;
}

/** Locations of clients, as values of the emulated load balancer's header. */
const clientLocations = { "New York": "40.71,-74.01", Berlin: "52.52,13.40" };

/** Pulls an image as clients on two continents and runs its program. Returns the digests of its layers. */
export async function visitImage(site: Site, reference: string, args: readonly string[]): Promise<string[]> {
  const layers = new Set<string>();
  for (const [city, coordinates] of Object.entries(clientLocations)) {
    const folder = join(site.folder, city.replace(" ", "-"));
    const headers = { "x-rehearsal-client": coordinates };
    const image = await pullImage(site.base, reference, containerPlatform(), folder, { headers });
    say(`a client in ${city} pulled ${reference}@${image.digest}`);
    for (const part of image.parts) {
      say(`  ${part.kind.padEnd(8)} ${part.digest.slice(0, 19)}  ${size(part.size)}  ${way(part.hops, site.names)}`);
    }
    for (const { kind, digest } of image.parts) if (kind === "layer") layers.add(digest);
    if (city !== Object.keys(clientLocations)[0]) continue;
    const ran = await runPulledProgram(image, args, folder);
    const output = ran.ran ? ran.output.replaceAll("\n", " ") : "";
    say(ran.ran ? `  its program, run here with ${args.join(" ")}: ${output}` : `  not run: ${ran.why}`);
  }
  return [...layers];
}

/** Copies an image with everything attached to it with regctl, and verifies its signature. */
export async function visitSigned(site: Site, repository: string, tag: string): Promise<void> {
  const folder = join(site.folder, "regctl");
  await mkdir(folder, { recursive: true });
  const copy = await regctlCopy(site.base, `${repository}:${tag}`, folder);
  const hosts = copy.hosts.map((host) => site.names.get(host) ?? host).join(", ");
  say(`regctl copied ${repository}:${tag}@${copy.digest} from ${hosts}`);
  for (const attached of copy.tags.filter((one) => one.startsWith("sha256-"))) say(`  with ${attached}`);
  const signature = await verifySignature(site.base, repository, copy.digest, demoPublicKey());
  say(`  signature ${signature.tag.slice(0, 20)}... is valid (demo key), from ${way(signature.hops, site.names)}`);
  const { referrers } = await readReferrers(site.base, repository, copy.digest);
  for (const referrer of referrers) say(`  referrer ${referrer.artifactType} ${referrer.digest.slice(0, 19)}`);
}

/** Downloads a release file and its checksum file, first with our client, which prints the redirects, then with curl. */
export async function visitFile(site: Site, path: string, sha256: string): Promise<void> {
  const folder = join(site.folder, "files");
  await mkdir(folder, { recursive: true });
  const url = `${site.base}/binaries/${path}`;
  const file = await downloadFile(url, folder);
  if (file.sha256 !== sha256) throw new Error(`${url}: its sha256 is ${file.sha256}, the manifest says ${sha256}`);
  say(`downloaded ${path}  ${size(file.size)}  sha256 as in the manifest  ${way(file.hops, site.names)}`);
  const curl = await curlFile(url, folder);
  if (curl.ran)
    say(`curl --location: ${size(curl.size)}, sha256 as in the .sha256 file, from ${new URL(curl.from).host}`);
  else say(`curl was skipped: ${curl.why}`);
}

/** Throws unless a GET of each URL answers 404. */
export async function expectNotFound(urls: readonly string[]): Promise<void> {
  const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
  for (const url of urls) {
    const { status, body } = await follow("GET", url, { accept });
    await body.dump();
    if (status !== 404) throw new Error(`${url} was removed but answers ${status}, not 404`);
  }
}

function size(bytes: number): string {
  const text =
    bytes < 10_000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  return text.padStart(7);
}
