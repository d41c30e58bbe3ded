/** Builds images and indexes (OCI image spec). */
import { type Descriptor, type DigestedContent, descriptor, type ImagePlatform, jsonContent } from "./content.ts";
import { type Layer, madeAt } from "./layer.ts";

/** An image of one platform: its manifest and the blobs that it refers to. */
export interface PlatformImage {
  readonly platform: ImagePlatform;
  readonly manifest: DigestedContent;
  readonly config: DigestedContent;
  readonly layers: readonly Layer[];
}

/** How to run the program in an image (OCI image spec, config.md, `config`). */
export interface RunConfig {
  readonly entrypoint: readonly string[];
  /** Default: root. */
  readonly user?: string;
  readonly workingDir?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The media types of the OCI image spec that the demo uses. */
export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

const path = "PATH=/usr/local/bin:/usr/bin:/bin";

/** Builds the image of one platform from its layers, bottom first. */
export function makeImage(platform: ImagePlatform, layers: readonly Layer[], run: RunConfig): PlatformImage {
  const created = madeAt.toISOString();
  const config = jsonContent(mediaTypes.config, {
    created,
    architecture: platform.architecture,
    os: platform.os,
    config: {
      ...(run.user === undefined ? {} : { User: run.user }),
      Env: [path],
      Entrypoint: run.entrypoint,
      ...(run.workingDir === undefined ? {} : { WorkingDir: run.workingDir }),
      Labels: run.labels,
    },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: [
      ...layers.map(({ history }) => ({ created, created_by: history })),
      { created, created_by: `ENTRYPOINT ${JSON.stringify(run.entrypoint)}`, empty_layer: true },
    ],
  });
  const manifest = jsonContent(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(config),
    layers: layers.map(descriptor),
    annotations: { "org.opencontainers.image.created": created, ...run.labels },
  });
  return { platform, manifest, config, layers };
}

/** Builds the index of several platforms' images. */
export function makeIndex(
  images: readonly PlatformImage[],
  annotations: Readonly<Record<string, string>>,
): DigestedContent {
  return jsonContent(mediaTypes.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map(({ manifest, platform }): Descriptor => ({ ...descriptor(manifest), platform })),
    annotations: { "org.opencontainers.image.created": madeAt.toISOString(), ...annotations },
  });
}
