import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jsonSchemas, schemaFolder } from "../manifests/schemas.ts";
import { runCommand } from "./command.ts";

const usage = `Writes the JSON Schemas of project.yaml, images.yaml and files.yaml for editors, from the definitions that the reader validates with.

usage: npm run schemas`;

await runCommand(usage, async () => {
  const root = join(import.meta.dirname, "../..");
  await mkdir(join(root, schemaFolder), { recursive: true });
  for (const [name, schema] of Object.entries(jsonSchemas()))
    await writeFile(join(root, schemaFolder, name), JSON.stringify(schema, undefined, 2));
  execFileSync(join(root, "node_modules/.bin/biome"), ["format", "--write", schemaFolder], {
    cwd: root,
    stdio: "inherit",
  });
  return 0;
});
