/** A project with more content than the demo's: images with signatures and platforms, and files. Reproducible. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Hex } from "../../local/seed/content.ts";
import { demoManifests } from "../../local/seed/demo-manifests.ts";
import type { DemoImage, DemoManifest, DemoProject } from "../../local/seed/demo-project.ts";
import { makeImage, makeIndex, type PlatformImage } from "../../local/seed/image.ts";
import { makeLayer } from "../../local/seed/layer.ts";
import { signImage } from "../../local/seed/signature.ts";

/** Size of the project. */
const imageNames = ["api", "worker", "tool"];
const releasesOfEach = 10;
const files = 24;
const layerBytes = 400_000;
const fileBytes = 100_000;

/** Each image has ten releases: every third is an index of two platforms, every second is signed, and each has a layer of its own. */
export async function generateProject(name: string): Promise<DemoProject> {
  const images = await Promise.all(imageNames.map((image) => generateImage(name, image)));
  const paths = Array.from({ length: files }, (_, i) => `1.${i}/linux/${name}`);
  return {
    name,
    images,
    files: paths.map((path) => {
      const bytes = noise(`${name} ${path}`, fileBytes);
      return { path, bytes, sha256: sha256Hex(bytes), contentType: "application/octet-stream", promoted: true };
    }),
  };
}

/**
 * The project with a part of it in production.
 * @param isPromoted whether to promote the release or file with this number. The last promoted release also has the tag `latest`.
 */
export function promoting(project: DemoProject, isPromoted: (index: number) => boolean): DemoProject {
  return {
    ...project,
    images: project.images.map((image) => {
      const releases = image.releases.map((release, index) => ({ ...release, promoted: isPromoted(index) }));
      const last = releases.findLast(({ promoted }) => promoted);
      return {
        ...image,
        releases: releases.map((release) =>
          release === last ? { ...release, tags: [...release.tags, "latest"] } : release,
        ),
      };
    }),
    files: project.files.map((file, index) => ({ ...file, promoted: isPromoted(index % releasesOfEach) })),
  };
}

/** Writes the project's manifests to a folder. They allow one run to remove all of it. */
export async function writeProject(folder: string, project: DemoProject): Promise<void> {
  await mkdir(join(folder, project.name), { recursive: true });
  const declaration = `description: Generated for a drill
owners:
  group: ${project.name}@example.org
staging: { images: true, files: true }
mutableTags: [latest]
removalShare: 1
`;
  await writeFile(join(folder, project.name, "project.yaml"), declaration);
  for (const [path, text] of demoManifests({ projects: [project] })) await writeFile(join(folder, path), text);
}

async function generateImage(project: string, name: string): Promise<DemoImage> {
  const base = await makeLayer("base", [{ path: "base", content: noise(`${project} ${name}`, layerBytes) }]);
  const blobs: DemoImage["blobs"][number][] = [base];
  const manifests: DemoManifest[] = [];
  const releases: DemoImage["releases"][number][] = [];
  for (let index = 0; index < releasesOfEach; index++) {
    const platforms = index % 3 === 2 ? ["amd64", "arm64"] : ["amd64"];
    const images: PlatformImage[] = [];
    for (const architecture of platforms) {
      const own = noise(`${project} ${name} ${index} ${architecture}`, layerBytes);
      const layer = await makeLayer("release", [{ path: "bin/program", content: own, mode: 0o755 }]);
      images.push(
        makeImage({ os: "linux", architecture }, [base, layer], { entrypoint: ["/bin/program"], labels: {} }),
      );
    }
    for (const { config, layers } of images) blobs.push(config, ...layers);
    const tags = [`v1.${index}`];
    const root = images.length > 1 ? makeIndex(images, { "org.example.release": `${index}` }) : images[0]!.manifest;
    if (images.length > 1) manifests.push(...images.map(({ manifest }) => ({ content: manifest, tags: [] })));
    manifests.push({ content: root, tags });
    if (index % 2 === 0) {
      const signature = signImage(`registry.example.org/${project}/${name}`, root);
      blobs.push(...signature.blobs);
      manifests.push({ content: signature.manifest, tags: [signature.tag] });
    }
    releases.push({ digest: root.digest, tags, promoted: true });
  }
  return { name, blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()], manifests, releases };
}

/** Incompressible bytes, derived from a text. */
function noise(of: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, i) =>
    createHash("sha512").update(`${of} ${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}
