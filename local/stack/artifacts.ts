/** The artifacts of a rehearsal of an organisation: for each project one small image and one file, the same on every machine. */
import { sha256Hex } from "../seed/content.ts";
import type { DemoFile, DemoImage, DemoProject } from "../seed/demo-project.ts";
import { makeImage } from "../seed/image.ts";
import { makeLayer } from "../seed/layer.ts";
import type { RehearsedProject } from "./projects.ts";

/** The tag of each image and the version of each file. No project has a release of this name. */
export const rehearsedVersion = "v0.0.0-rehearsal";

/** The image's name and the file's folder. They name the project, because projects may share a prefix. */
export function rehearsedName(project: { readonly name: string }): string {
  return `rehearsal-${project.name}`;
}

/** Makes the artifacts that a project pushes to its staging area. */
export async function makeRehearsed(project: RehearsedProject): Promise<DemoProject> {
  return {
    name: project.name,
    images: project.images ? [await image(project)] : [],
    files: project.files ? files(project) : [],
  };
}

async function image(project: RehearsedProject): Promise<DemoImage> {
  const layer = await makeLayer("COPY about.txt /", [{ path: "about.txt", content: about(project) }]);
  const labels = { "org.opencontainers.image.title": rehearsedName(project) };
  const built = makeImage({ os: "linux", architecture: "amd64" }, [layer], { entrypoint: ["/about.txt"], labels });
  const tags = [rehearsedVersion];
  return {
    name: rehearsedName(project),
    blobs: [...built.layers, built.config],
    manifests: [{ content: built.manifest, tags }],
    releases: [{ digest: built.manifest.digest, tags, promoted: true }],
  };
}

/** A file with its checksum file. */
function files(project: RehearsedProject): DemoFile[] {
  const path = `${rehearsedName(project)}/${rehearsedVersion}/about.txt`;
  const bytes = new TextEncoder().encode(about(project));
  const checksum = new TextEncoder().encode(`${sha256Hex(bytes)}  about.txt\n`);
  const common = { contentType: "text/plain", promoted: true };
  return [
    { path, bytes, sha256: sha256Hex(bytes), ...common },
    { path: `${path}.sha256`, bytes: checksum, sha256: sha256Hex(checksum), ...common },
  ];
}

function about({ name }: RehearsedProject): string {
  return `An artifact of a rehearsal, which ${name} pushed to its staging area.\n`;
}
