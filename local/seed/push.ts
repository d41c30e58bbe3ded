/** Pushes the demo projects' artifacts to their staging areas, as the CI of real projects does. */
import { Agent } from "undici";
import type { DemoArtifacts } from "./artifacts.ts";
import { createBucket, pushFiles } from "./push-files.ts";
import { pushImage } from "./push-image.ts";
import type { PushSummary } from "./pushed.ts";

/** The staging area of one project. */
export interface StagingTarget {
  /** Name of the demo project. */
  readonly project: string;
  /** The repository's `registryUri`, e.g. `127.0.0.1:5001/project/staging-dotslash`. */
  readonly registryUri?: string;
  readonly bucket?: string;
}

/**
 * Pushes what the staging areas of demo projects lack; those of others it leaves alone. Checks first, so that a second run is quick. `gcsEndpoint` has the form of `gcp:storageCustomEndpoint`,
 * e.g. `http://127.0.0.1:5514/storage/v1/`. `createBucketsIn`, the id of a Google Cloud project, creates missing buckets, for a push before the
 * program has run. Throws an error that names the artifact and its target.
 */
export async function pushStaging(
  artifacts: DemoArtifacts,
  options: { targets: readonly StagingTarget[]; gcsEndpoint: string; createBucketsIn?: string },
  say: (line: string) => void,
): Promise<PushSummary> {
  const endpoint = options.gcsEndpoint.replace(/\/*$/, "/");
  const dispatcher = new Agent({ connections: 8 });
  try {
    const counts = await Promise.all(
      options.targets.map(async ({ project, registryUri, bucket }) => {
        const made = artifacts.projects.find(({ name }) => name === project);
        if (!made) return []; // a project that someone tries out beside the demo's pushes for itself
        if (made.images.length > 0 && !registryUri)
          throw new Error(`staging of ${project}: no repository for its images`);
        if (made.files.length > 0 && !bucket) throw new Error(`staging of ${project}: no bucket for its files`);
        if (bucket && options.createBucketsIn)
          await createBucket(dispatcher, endpoint, options.createBucketsIn, bucket);
        const images = made.images.map((image) => pushImage(dispatcher, image, registryUri!, say));
        const files = made.files.length > 0 ? [pushFiles(dispatcher, made.files, endpoint, bucket!, say)] : [];
        return await Promise.all([...images, ...files]);
      }),
    );
    return counts.flat().reduce(add, { items: 0, pushed: 0, bytes: 0 });
  } finally {
    await dispatcher.close();
  }
}

function add(a: PushSummary, b: PushSummary): PushSummary {
  return { items: a.items + b.items, pushed: a.pushed + b.pushed, bytes: a.bytes + b.bytes };
}
