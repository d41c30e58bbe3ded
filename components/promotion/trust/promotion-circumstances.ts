import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { approvalOf, type PromotedContent } from "./promotion-statements.ts";
import type { SigningSettings } from "./signing-settings.ts";

/** What all statements of one project's run say: who verified, by which policy, and who approved. */
export async function promotionCircumstances({
  host,
  repository,
  policyFile,
}: SigningSettings): Promise<Pick<PromotedContent, "host" | "repository" | "policy" | "approval">> {
  const [policy, event] = await Promise.all([readFile(policyFile), eventOf(process.env)]);
  const sha256 = createHash("sha256").update(policy).digest("hex");
  return { host, repository, policy: { path: policyFile, sha256 }, approval: approvalOf(process.env, event) };
}

async function eventOf({ GITHUB_EVENT_PATH: file }: NodeJS.ProcessEnv): Promise<unknown> {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the event that started this workflow cannot be read: ${why}`);
  }
}
