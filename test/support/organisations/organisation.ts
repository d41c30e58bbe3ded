/**
 * Organisations that tests of the program bind to, so that the tests of a fork are green whatever its Pulumi.prod.yaml and manifests/ hold.
 * Each is a stack file here; its manifests are a folder below `manifests/` here.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

const root = join(import.meta.dirname, "../../..");

/** An organisation that adopted the system. */
export interface Organisation {
  /** Path of its stack file. */
  readonly file: string;
  /** The settings of the stack, by full key. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The texts of its manifests, by path. */
  readonly manifests: Readonly<Record<string, string>>;
}

/** Reads an organisation by its name: `big` has 22 regions of Google Cloud and 6 of AWS, and sets everything. */
export async function organisation(name: string): Promise<Organisation> {
  const file = join(import.meta.dirname, `${name}.yaml`);
  const { config } = parse(await readFile(file, "utf8")) as { config: Record<string, unknown> };
  const manifests = await organisationManifests(join(root, String(config["artifacts:manifests"])));
  return { file, config, manifests };
}

/** The texts of the files in a folder of manifests, by path. */
export async function organisationManifests(folder: string): Promise<Readonly<Record<string, string>>> {
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith(".yaml")).sort();
  const texts = paths.map(async (path) => [path, await readFile(join(folder, path), "utf8")] as const);
  return Object.fromEntries(await Promise.all(texts));
}
