import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { codeownersFile } from "../manifests/codeowners.ts";
import { loadManifests } from "../manifests/load.ts";
import { problemLine } from "../manifests/problem.ts";
import { stackRules } from "../staging/stack-rules.ts";
import { expectedCodeowners } from "./codeowners-current.ts";
import { CommandError } from "./command.ts";
import { printJson, printNote } from "./output.ts";
import { stackConfig } from "./stack-config.ts";

/** `artifacts codeowners`. */
export const codeownersCommand = new Command("codeowners")
  .summary("write CODEOWNERS from the approvers of stack and projects")
  .description(
    `Writes ${codeownersFile}: each project's folder is approved by the approvers of its project.yaml, everything else by artifacts:approvers.`,
  )
  .option("--stack <name>", "the stack whose artifacts:approvers and manifests are taken", "prod")
  .option("--json", "one JSON document: {file, text}")
  .action(async (values) => {
    const config = await stackConfig(values.stack);
    const { projects, problems } = await loadManifests(config.manifests, stackRules(config));
    const errors = problems.filter(({ severity }) => severity === "error");
    if (errors.length > 0)
      throw new CommandError(`nothing written, the manifests have errors:\n${errors.map(problemLine).join("\n")}`);
    const text = expectedCodeowners(config, projects);
    if (text === undefined)
      throw new CommandError(`nothing written: add artifacts:approvers to Pulumi.${values.stack}.yaml`);
    await mkdir(dirname(codeownersFile), { recursive: true });
    await writeFile(codeownersFile, text);
    printNote(`${codeownersFile}: written`);
    printJson({ file: codeownersFile, text });
  });
