/** The folder that a rehearsal writes to, and the file in it that describes a running rehearsal. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** The repository's root: the program's folder. */
export const projectRoot = join(import.meta.dirname, "../..");

/** Description of a running rehearsal, for other processes (`npm run pulumi`). */
export interface Rehearsal {
  /** The rehearsal's process. */
  readonly pid: number;
  /** URL of the emulated cloud's control API. */
  readonly control: string;
  /** Value of the provider's setting `gcp:storageCustomEndpoint`. */
  readonly gcsEndpoint: string;
  readonly s3Endpoint: string;
  /** Credentials of the emulated S3, for the AWS SDK's default chain. Useless anywhere else. */
  readonly awsCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Where the engine finds the emulated providers (PULUMI_DEBUG_PROVIDERS). Undefined: it starts a process for each. */
  readonly providers?: string;
}

/** The rehearsal's folder: $ARTIFACTS_REHEARSAL, else .rehearsal in the repository, which git ignores. */
export function rehearsalFolder(): string {
  return resolve(projectRoot, process.env["ARTIFACTS_REHEARSAL"] || ".rehearsal");
}

/** The folder of the rehearsal of an organisation's stack, inside the rehearsal's folder. */
export function stackRehearsalFolder(stack: string): string {
  return join(rehearsalFolder(), "stacks", stack);
}

/** The rehearsal that runs in a folder; undefined if none runs or it was killed. */
export async function readRehearsal(folder: string): Promise<Rehearsal | undefined> {
  const text = await readFile(descriptionFile(folder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const rehearsal = JSON.parse(text) as Rehearsal;
  const answers = await fetch(rehearsal.control, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  await answers?.body?.cancel();
  return answers && rehearsal;
}

/** Writes the description of a running rehearsal. Only its user can read the file. */
export async function writeRehearsal(folder: string, rehearsal: Rehearsal): Promise<void> {
  await mkdir(folder, { recursive: true });
  const scratch = `${descriptionFile(folder)}.new`;
  await writeFile(scratch, `${JSON.stringify(rehearsal, null, 2)}\n`, { mode: 0o600 });
  await rename(scratch, descriptionFile(folder));
}

/** Removes the description. */
export async function removeRehearsal(folder: string): Promise<void> {
  await rm(descriptionFile(folder), { force: true });
}

function descriptionFile(folder: string): string {
  return join(folder, "rehearsal.json");
}
