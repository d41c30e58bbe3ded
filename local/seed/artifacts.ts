/** The artifacts of the two demo projects: real ones, with the same bytes on every machine. */
import type { DemoProject } from "./demo-project.ts";
import { makeDotslash } from "./dotslash.ts";
import { makeSemver } from "./semver.ts";

/** The artifacts of all demo projects. */
export interface DemoArtifacts {
  readonly projects: readonly DemoProject[];
}

/** Builds all artifacts from packages that package-lock.json pins, without a network. Throws if they are not installed. */
export async function makeArtifacts(): Promise<DemoArtifacts> {
  return { projects: await Promise.all([makeDotslash(), makeSemver()]) };
}
