/** The list that `npm run adopt` passes to the program, in a file that ARTIFACTS_ADOPT names. */
import { readFileSync } from "node:fs";

/** Which resources are not to be adopted. */
export interface AdoptionList {
  /**
   * Resources that the state already has, as {@link resourceKey}. Importing one again would replace it: the engine
   * would delete the "old" one, which is the same.
   */
  readonly known: readonly string[];
  /** Ids of resources that do not exist, so are created. */
  readonly absent: readonly string[];
}

/** Type and logical name, which identify a resource of this program. */
export function resourceKey(type: string, name: string): string {
  return `${type} ${name}`;
}

/** The key of the resource of a URN. */
export function keyOfUrn(urn: string): string {
  // urn:pulumi:<stack>::<project>::<parent types$>type::<name>
  const [, , types = "", ...name] = urn.split("::");
  return resourceKey(types.slice(types.lastIndexOf("$") + 1), name.join("::"));
}

/** The resources of a state as `pulumi stack export` prints it. Throws if the text is something else. */
export function knownTo(stackExport: string): string[] {
  const { deployment } = JSON.parse(stackExport) as { deployment?: { resources?: readonly { urn: string }[] | null } };
  if (deployment === undefined) throw new Error("this is not a state as `pulumi stack export` prints it");
  return (deployment.resources ?? []).map(({ urn }) => keyOfUrn(urn));
}

/** The ids that a run of the CLI reported as absent, from its output. */
export function absentIn(output: string): string[] {
  return [...output.matchAll(/resource '([^'\n]+)' does not exist/g)].map(([, id]) => id!);
}

/** Reads the file. Throws if it is not such a list; the message says what to run. */
export function readAdoptionList(file: string): AdoptionList {
  let list: Partial<AdoptionList>;
  try {
    list = JSON.parse(readFileSync(file, "utf8")) as Partial<AdoptionList>;
  } catch (error) {
    throw new Error(`ARTIFACTS_ADOPT=${file} is set by \`npm run adopt\` only: unset it, or run that command`, {
      cause: error,
    });
  }
  const { known, absent } = list;
  if (!Array.isArray(known) || !Array.isArray(absent)) throw new Error(`${file} was not written by \`npm run adopt\``);
  return { known, absent };
}
