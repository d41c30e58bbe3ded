import { Repository } from "@pulumi/gcp/artifactregistry/repository.js";
import { RepositoryIamBinding } from "@pulumi/gcp/artifactregistry/repositoryIamBinding.js";
import * as pulumi from "@pulumi/pulumi";
import type { Region } from "../stack/geography.ts";

export interface ImageMirrorArgs {
  readonly project: string;
  /** Its id in Artifact Registry. */
  readonly repository: string;
  readonly region: Region;
  /** The only IAM principals that write. */
  readonly writers: readonly pulumi.Input<string>[];
  /** IAM principals that add images and tags. */
  readonly fillers: readonly pulumi.Input<string>[];
  /** Scan new images for known vulnerabilities. */
  readonly scanning: boolean;
  readonly protection: boolean;
}

/** One region's production images: an Artifact Registry repository that is public and that only the promotion writes. */
export class ImageMirrorResources extends pulumi.ComponentResource {
  /** `<region>-docker.pkg.dev/<project>/<repository>`, without a scheme. */
  public readonly repository: pulumi.Output<string>;
  /** All that the mirror consists of. */
  public readonly parts: readonly pulumi.CustomResource[];

  constructor(name: string, args: ImageMirrorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:mirror:ImageMirror", name, {}, opts);
    const repository = new Repository(
      name,
      {
        project: args.project,
        location: args.region.name,
        repositoryId: args.repository,
        description: "Production images; written by promotion only",
        format: "DOCKER",
        mode: "STANDARD_REPOSITORY",
        labels: { purpose: "production" },
        // Tags are not immutable: projects may declare mutable tags, and a signature's tag is rewritten when another signature is added.
        // No cleanup policies: the manifests alone decide what is here.
        vulnerabilityScanningConfig: { enablementConfig: args.scanning ? "INHERITED" : "DISABLED" },
        deletionPolicy: args.protection ? "PREVENT" : "DELETE",
      },
      { parent: this, protect: args.protection },
    );
    this.repository = repository.registryUri;
    // The name as it was given: if the repository cannot be made, it is unknown in the outputs, and a grant without it is refused, which ends the run.
    const place = { project: args.project, location: args.region.name, repository: args.repository };
    const reader = new RepositoryIamBinding(
      `${name}-reader`,
      { ...place, role: "roles/artifactregistry.reader", members: ["allUsers"] },
      { parent: this, dependsOn: repository },
    );
    // Removing a tag or an image needs more than the writer role.
    const writer = new RepositoryIamBinding(
      `${name}-writer`,
      { ...place, role: "roles/artifactregistry.repoAdmin", members: [...args.writers] },
      { parent: this, dependsOn: repository },
    );
    const filler =
      args.fillers.length === 0
        ? []
        : [
            new RepositoryIamBinding(
              `${name}-filler`,
              { ...place, role: "roles/artifactregistry.writer", members: [...args.fillers] },
              { parent: this, dependsOn: repository },
            ),
          ];
    this.parts = [repository, reader, writer, ...filler];
    this.registerOutputs({ repository: this.repository });
  }
}
