/** The projects of an organisation as its manifests have them, once `npm run check` has found no mistake. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, parseDocument } from "yaml";

/** A project whose staging area and mirrors are rehearsed. */
export interface RehearsedProject {
  readonly name: string;
  /** Whether it publishes images, files. */
  readonly images: boolean;
  readonly files: boolean;
  /** Where its images and files are below the host; empty for the root. */
  readonly imagePrefix: string;
  readonly filePrefix: string;
  /** The project whose staging area it uses. */
  readonly stagingProject: string;
  /** What its manifests have in production, one line each: `image sha256:...`, `file <path>`. */
  readonly promoted: readonly string[];
  /** Its `project.yaml` for the rehearsal: without policies, and with leave to remove everything. */
  readonly declaration: string;
}

/** What of a `project.yaml` the rehearsal keeps: who may do what, and where things go. */
const kept = ["description", "contact", "owners", "approvers", "staging", "imagePrefix", "filePrefix", "shares"];

/** Reads the projects of a folder of manifests, sorted by name. */
export async function readProjects(folder: string): Promise<RehearsedProject[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(names.sort().map((name) => readProject(folder, name)));
}

interface Declaration {
  readonly staging?: { readonly images?: boolean; readonly files?: boolean; readonly project?: string };
  readonly imagePrefix?: string;
  readonly filePrefix?: string;
}

async function readProject(folder: string, name: string): Promise<RehearsedProject> {
  const text = await readFile(join(folder, name, "project.yaml"), "utf8");
  const declaration = parse(text) as Declaration;
  const document = parseDocument(text);
  for (const key of Object.keys(declaration)) if (!kept.includes(key)) document.delete(key);
  document.set("removalShare", 1);
  return {
    name,
    images: declaration.staging?.images === true,
    files: declaration.staging?.files === true,
    stagingProject: declaration.staging?.project ?? name,
    imagePrefix: declaration.imagePrefix ?? name,
    filePrefix: declaration.filePrefix ?? name,
    promoted: await promotedOf(join(folder, name)),
    declaration: document.toString(),
  };
}

interface Image {
  readonly name: string;
  readonly dmap?: Readonly<Record<string, unknown>> | null;
}

/** The digests and files in the manifests of a project. */
async function promotedOf(folder: string): Promise<string[]> {
  const paths = (await readdir(folder, { recursive: true })).sort();
  const lines = paths
    .filter((path) => /^(images|files)(\.yaml$|\/.*\.yaml$)/.test(path))
    .map(async (path) => {
      const content = parse(await readFile(join(folder, path), "utf8")) as unknown;
      if (path.startsWith("images")) {
        const images = (Array.isArray(content) ? content : (content as { images?: unknown[] } | null)?.images) ?? [];
        return (images as Image[]).flatMap((image) =>
          Object.keys(image.dmap ?? {}).map((digest) => `${image.name} ${digest}`),
        );
      }
      const { files = [] } = (content ?? {}) as { files?: { name: string; sha256: string }[] };
      return files.map((file) => `${file.name} sha256:${file.sha256}`);
    });
  return (await Promise.all(lines)).flat();
}
