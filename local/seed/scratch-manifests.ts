/** A scratch copy of the manifests, for a change that the checkout must not see. */
import { cp, rm } from "node:fs/promises";

/** Copies a folder of manifests over whatever is at `to`. */
export async function copyManifests(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
}
