/** The one folder that a rehearsal writes to, and the note in it that says where a running one is to be found. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** The repository's root: the program's folder. */
export const projectRoot = join(import.meta.dirname, "../..");

/** What a rehearsal says of itself, for others that join it (`npm run pulumi`). */
export interface Rehearsal {
  /** The rehearsal's process. */
  readonly pid: number;
  /** The emulated cloud's control API. */
  readonly control: string;
  /** As the provider's setting `gcp:storageCustomEndpoint` has it. */
  readonly gcsEndpoint: string;
  readonly s3Endpoint: string;
  /** For the official AWS SDK's default chain: the emulated S3's own, of no use anywhere else. */
  readonly awsCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** $ARTIFACTS_REHEARSAL, else .rehearsal in the project; git ignores it. */
export function rehearsalFolder(): string {
  return resolve(projectRoot, process.env["ARTIFACTS_REHEARSAL"] || ".rehearsal");
}

/** The rehearsal that runs in a folder; undefined when none does, or when it was killed. */
export async function readRehearsal(folder: string): Promise<Rehearsal | undefined> {
  const text = await readFile(note(folder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const rehearsal = JSON.parse(text) as Rehearsal;
  const answers = await fetch(rehearsal.control, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  await answers?.body?.cancel();
  return answers && rehearsal;
}

/** Says that a rehearsal runs. Only its user can read the note. */
export async function writeRehearsal(folder: string, rehearsal: Rehearsal): Promise<void> {
  await mkdir(folder, { recursive: true });
  const scratch = `${note(folder)}.new`;
  await writeFile(scratch, `${JSON.stringify(rehearsal, null, 2)}\n`, { mode: 0o600 });
  await rename(scratch, note(folder));
}

/** Takes the note away. */
export async function removeRehearsal(folder: string): Promise<void> {
  await rm(note(folder), { force: true });
}

function note(folder: string): string {
  return join(folder, "rehearsal.json");
}
