import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

interface Step {
  readonly name?: string;
  readonly run?: string;
}

/** The script of one step of a workflow, or of the action. @param file below `.github`. */
export async function workflowScript(file: string, step: string): Promise<string> {
  const content = parse(await readFile(join(import.meta.dirname, "../../.github", file), "utf8")) as {
    jobs?: Record<string, { steps: Step[] }>;
    runs?: { steps: Step[] };
  };
  const steps = [...Object.values(content.jobs ?? {}).flatMap((job) => job.steps), ...(content.runs?.steps ?? [])];
  const found = steps.find(({ name }) => name === step)?.run;
  assert.ok(found, `${file} has no step "${step}"`);
  return found;
}
