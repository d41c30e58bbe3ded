import { readFile } from "node:fs/promises";
import { codeowners, codeownersFile } from "../manifests/codeowners.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Project } from "../manifests/project.ts";
import type { StackConfig } from "../stack/config.ts";

/** What CODEOWNERS must say; undefined for a stack that names no approvers. */
export function expectedCodeowners(config: StackConfig, projects: readonly Project[]): string | undefined {
  if (config.approvers.length === 0) return undefined;
  return codeowners(config.manifests, projects, config.approvers);
}

/**
 * The problem of a CODEOWNERS file that does not say what stack and projects do, or of approvers that nothing enforces. All projects must be
 * without errors. @param stackFile its name, for the message.
 */
export async function codeownersProblems(
  config: StackConfig,
  stackFile: string,
  projects: readonly Project[],
): Promise<Problem[]> {
  const expected = expectedCodeowners(config, projects);
  const problem = (file: string, message: string): Problem[] => [
    { severity: "error", file, line: 1, column: 1, message },
  ];
  if (expected === undefined)
    return projects.some(({ approvers }) => approvers.length > 0)
      ? problem(
          stackFile,
          "artifacts:approvers is required, as projects name approvers: who approves what belongs to no project",
        )
      : [];
  const actual = await readFile(codeownersFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return actual === expected
    ? []
    : problem(codeownersFile, "does not say who the stack and the projects name as approvers: run npm run codeowners");
}
