import { readFile } from "node:fs/promises";
import { useLocalStack } from "./local-stack.ts";
import { stackConfig } from "./stack-config.ts";
import type { StagingOverrides } from "./staging.ts";

/** Where a command that edits manifests works, when its stack is the running rehearsal. */
export interface LocalStaging {
  /** The folder of the rehearsal's manifests. */
  readonly manifests: string;
  /** The staging area of the project, as the rehearsal's stack has it. */
  readonly staging: StagingOverrides;
}

/**
 * The staging area of a project of the running rehearsal, if the stack is `local`; undefined for any other stack.
 * @throws CommandError if no rehearsal runs.
 */
export async function localStaging(stack: string, project: string): Promise<LocalStaging | undefined> {
  const local = await useLocalStack(stack);
  if (local === undefined) return undefined;
  const config = await stackConfig(stack, local.config);
  const area = stagingIn(await readFile(local.state, "utf8"), project);
  return {
    manifests: config.manifests,
    staging: {
      registryUri: area.repository || undefined,
      bucket: area.bucket || undefined,
      gcsEndpoint: config.storage.gcsEndpoint,
    },
  };
}

/** The stack's output `staging.<project>`; empty for a project that was not deployed yet. @param state an export of the state. */
function stagingIn(state: string, project: string): { readonly repository?: string; readonly bucket?: string } {
  const { deployment } = JSON.parse(state) as {
    deployment?: { resources?: { type: string; outputs?: { staging?: Record<string, { repository: string }> } }[] };
  };
  const stack = deployment?.resources?.find(({ type }) => type === "pulumi:pulumi:Stack");
  const areas = stack?.outputs?.staging ?? {};
  return Object.hasOwn(areas, project) ? areas[project]! : {};
}
