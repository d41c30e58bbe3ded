/** Demo project `dotslash`: a program for many platforms, as an image and as release files. */

import { baseLayer } from "./base-layer.ts";
import { type ImagePlatform, sha256Hex } from "./content.ts";
import type { DemoFile, DemoImage, DemoProject } from "./demo-project.ts";
import { makeImage, makeIndex } from "./image.ts";
import { makeLayer } from "./layer.ts";
import { type PinnedPackage, packageFile, readPackage } from "./packages.ts";
import { attachSbom } from "./sbom.ts";
import { signImage } from "./signature.ts";

const project = "dotslash";

/** The statically linked programs for Linux, which run in an image without other files. */
const linuxPrograms: readonly { platform: ImagePlatform; path: string }[] = [
  { platform: { os: "linux", architecture: "amd64" }, path: "bin/linux-musl.x86_64/dotslash" },
  { platform: { os: "linux", architecture: "arm64" }, path: "bin/linux-musl.aarch64/dotslash" },
];

/** Release files by their path below the version. */
const releaseFiles: Readonly<Record<string, string>> = {
  "linux/amd64/dotslash": "bin/linux-musl.x86_64/dotslash",
  "linux/arm64/dotslash": "bin/linux-musl.aarch64/dotslash",
  "darwin/universal/dotslash": "bin/macos/dotslash",
};

/** Files in staging that the committed manifest does not have: a later change may promote them. */
const laterFiles: Readonly<Record<string, string>> = {
  "windows/amd64/dotslash.exe": "bin/windows/dotslash.exe",
};

/** Builds the artifacts of the project. */
export async function makeDotslash(): Promise<DemoProject> {
  const programs = [
    ...linuxPrograms.map(({ path }) => path),
    ...Object.values(releaseFiles),
    ...Object.values(laterFiles),
  ];
  const from = await readPackage("fb-dotslash", [...new Set([...programs, "package.json"])]);
  return {
    name: project,
    images: [await image(from)],
    files: [...files(from, releaseFiles, true), ...files(from, laterFiles, false)],
  };
}

/** Two revisions of one version. The second also has the package's description and does not run as root. */
async function image(from: PinnedPackage): Promise<DemoImage> {
  const base = await baseLayer();
  const about = await makeLayer("COPY package.json /usr/share/doc/dotslash/", [
    { path: "usr/share/doc/dotslash/package.json", content: packageFile(from, "package.json") },
  ]);
  const programs = await Promise.all(
    linuxPrograms.map(async ({ platform, path }) => ({
      platform,
      path,
      layer: await makeLayer(`COPY ${path} /usr/bin/dotslash`, [
        { path: "usr/bin/dotslash", content: packageFile(from, path), mode: 0o755 },
      ]),
    })),
  );
  const revisions = [1, 2].map((revision) => {
    const version = `${from.version}-${revision}`;
    const labels = {
      "org.opencontainers.image.title": project,
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.source": "https://github.com/facebook/dotslash",
      "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
    };
    const run = { entrypoint: ["/usr/bin/dotslash"], labels };
    const nonroot = { ...run, user: "65532:65532", workingDir: "/home/nonroot" };
    const built = programs.map(({ platform, path, layer }) => ({
      path,
      image:
        revision === 1 ? makeImage(platform, [base, layer], run) : makeImage(platform, [base, layer, about], nonroot),
    }));
    const images = built.map((one) => one.image);
    const index = makeIndex(images, labels);
    const signature = signImage(`${project}/${project}`, index);
    const sboms = built.map((one) => attachSbom(one.image.manifest, `${project}-${version}`, from, [one.path]));
    return { tags: [version], images, index, signature, sboms };
  });
  return {
    name: project,
    blobs: revisions.flatMap(({ images, signature, sboms }) => [
      ...images.flatMap(({ layers, config }) => [...layers, config]),
      ...signature.blobs,
      ...sboms.flatMap(({ blobs }) => blobs),
    ]),
    manifests: revisions.flatMap(({ tags, images, index, signature, sboms }) => [
      ...images.map(({ manifest }) => ({ content: manifest, tags: [] })),
      { content: index, tags },
      ...sboms.map(({ manifest, subject, artifactType }) => ({
        content: manifest,
        tags: [],
        refersTo: { subject: subject.digest, artifactType },
      })),
      { content: signature.manifest, tags: [signature.tag] },
    ]),
    releases: revisions.map(({ index, tags }, i) => ({ digest: index.digest, tags, promoted: i === 0 })),
  };
}

/** Each file with its checksum file, which `sha256sum --check` reads. */
function files(from: PinnedPackage, paths: Readonly<Record<string, string>>, promoted: boolean): DemoFile[] {
  return Object.entries(paths).flatMap(([name, source]) => {
    const bytes = packageFile(from, source);
    const checksum = new TextEncoder().encode(`${sha256Hex(bytes)}  ${name.slice(name.lastIndexOf("/") + 1)}\n`);
    const path = `${from.version}/${name}`;
    return [
      { path, bytes, sha256: sha256Hex(bytes), contentType: "application/octet-stream", promoted },
      { path: `${path}.sha256`, bytes: checksum, sha256: sha256Hex(checksum), contentType: "text/plain", promoted },
    ];
  });
}
