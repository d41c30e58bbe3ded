import type { Project } from "./project.ts";

/** Where GitHub looks for it, from the repository's root. */
export const codeownersFile = ".github/CODEOWNERS";

/**
 * The text of CODEOWNERS: changes of a project's folder are approved by its approvers, everything else (config, components, workflows, new
 * projects, CODEOWNERS itself) by those of the stack. A project without approvers of its own leaves its folder to the stack's. Pure; the same
 * input gives the same text.
 * @param folder of the manifests, from the repository's root.
 */
export function codeowners(
  folder: string,
  projects: readonly Pick<Project, "name" | "approvers">[],
  stackApprovers: readonly string[],
): string {
  // GitHub takes the last line whose pattern matches a file.
  const lines = [
    { pattern: "*", approvers: stackApprovers },
    ...projects
      .filter(({ approvers }) => approvers.length > 0)
      .map(({ name, approvers }) => ({ pattern: `/${folder}/${name}/`, approvers })),
  ];
  return `# Written by \`npm run codeowners\` from artifacts:approvers of the stack and approvers of each project.yaml: do not edit.
${lines.map(({ pattern, approvers }) => `${[pattern, ...approvers.map((one) => `@${one}`)].join(" ")}\n`).join("")}`;
}
