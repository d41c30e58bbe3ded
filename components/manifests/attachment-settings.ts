import type { Project } from "./project.ts";

/** What a project admits as attachments of its images, as the promotion takes it; nothing where project.yaml is silent. */
export function attachmentSettings({ attachments }: Project): {
  readonly attachments?: { readonly artifactTypes: string[]; readonly bytes: number };
} {
  if (attachments === undefined) return {};
  return { attachments: { artifactTypes: [...attachments.artifactTypes], bytes: attachments.megabytes * 1024 * 1024 } };
}
