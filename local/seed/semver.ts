/** Demo project `semver`: one plain image, signed, with an SBOM. */

import { baseLayer } from "./base-layer.ts";
import type { DemoProject } from "./demo-project.ts";
import { makeImage } from "./image.ts";
import { makeLayer } from "./layer.ts";
import { readPackage } from "./packages.ts";
import { attachSbom } from "./sbom.ts";
import { signImage } from "./signature.ts";

const project = "semver";

/**
 * Builds the artifacts of the project. The image has a command for Node.js but no Node.js: users mount it as an image volume, or `COPY --from` it
 * into another image.
 */
export async function makeSemver(): Promise<DemoProject> {
  const from = await readPackage("semver");
  const paths = [...from.files.keys()];
  const commands = await makeLayer("COPY . /opt/semver/", [
    ...paths.map((path) => ({
      path: `opt/semver/${path}`,
      content: from.files.get(path)!,
      mode: path.startsWith("bin/") ? 0o755 : 0o644,
    })),
    { path: "usr/bin/semver", link: "../../opt/semver/bin/semver.js" },
  ]);
  const image = makeImage({ os: "linux", architecture: "amd64" }, [await baseLayer(), commands], {
    entrypoint: ["/usr/bin/semver"],
    labels: {
      "org.opencontainers.image.title": project,
      "org.opencontainers.image.version": from.version,
      "org.opencontainers.image.source": "https://github.com/npm/node-semver",
      "org.opencontainers.image.licenses": from.license,
    },
  });
  const tags = [`v${from.version}`];
  const signature = signImage(`${project}/${project}`, image.manifest);
  const sbom = attachSbom(image.manifest, `${project}-${from.version}`, from, paths);
  return {
    name: project,
    images: [
      {
        name: project,
        blobs: [...image.layers, image.config, ...signature.blobs, ...sbom.blobs],
        manifests: [
          { content: image.manifest, tags },
          {
            content: sbom.manifest,
            tags: [],
            refersTo: { subject: sbom.subject.digest, artifactType: sbom.artifactType },
          },
          { content: signature.manifest, tags: [signature.tag] },
        ],
        releases: [{ digest: image.manifest.digest, tags, promoted: true }],
      },
    ],
    files: [],
  };
}
