/** What `npm run adopt` tells the program, by a file that ARTIFACTS_ADOPT names. */
import { readFileSync } from "node:fs";

/** Which things are not to be taken over. */
export interface AdoptionList {
  /** Resources that the state has, as {@link resourceKey}. Taking one over again would replace it: the engine deletes the "old" one, the same. */
  readonly known: readonly string[];
  /** Ids of things that do not exist, so are made. */
  readonly absent: readonly string[];
}

/** Type and logical name, which tell this program's resources apart. */
export function resourceKey(type: string, name: string): string {
  return `${type} ${name}`;
}

/** The resources of a state as `pulumi stack export` prints it. Throws if it is something else. */
export function knownTo(stackExport: string): string[] {
  const { deployment } = JSON.parse(stackExport) as { deployment?: { resources?: readonly { urn: string }[] | null } };
  if (deployment === undefined) throw new Error("this is no state as `pulumi stack export` prints it");
  return (deployment.resources ?? []).map(({ urn }) => {
    // urn:pulumi:<stack>::<project>::<parent types$>type::<name>
    const [, , types = "", ...name] = urn.split("::");
    return resourceKey(types.slice(types.lastIndexOf("$") + 1), name.join("::"));
  });
}

/** The ids that a run of the CLI found absent, from what it printed. */
export function absentIn(output: string): string[] {
  return [...output.matchAll(/resource '([^'\n]+)' does not exist/g)].map(([, id]) => id!);
}

/** Reads the file. Throws, saying what to run, if it is none. */
export function readAdoptionList(file: string): AdoptionList {
  let list: Partial<AdoptionList>;
  try {
    list = JSON.parse(readFileSync(file, "utf8")) as Partial<AdoptionList>;
  } catch (error) {
    throw new Error(`ARTIFACTS_ADOPT=${file} is set by \`npm run adopt\` alone: unset it, or run that`, {
      cause: error,
    });
  }
  const { known, absent } = list;
  if (!Array.isArray(known) || !Array.isArray(absent)) throw new Error(`${file} is no list of \`npm run adopt\``);
  return { known, absent };
}
