/** What the two demo projects publish: real artifacts, bit for bit the same on every machine. */
import type { DemoProject } from "./demo-project.ts";
import { makeDotslash } from "./dotslash.ts";
import { makeSemver } from "./semver.ts";

/** All demo projects. */
export interface DemoArtifacts {
  readonly projects: readonly DemoProject[];
}

/** Makes all of it from packages that package-lock.json pins; nothing is fetched. Throws when they are not installed. */
export async function makeArtifacts(): Promise<DemoArtifacts> {
  return { projects: await Promise.all([makeDotslash(), makeSemver()]) };
}
