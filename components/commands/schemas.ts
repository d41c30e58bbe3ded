import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { catalogueSchemaFolder, catalogueSchemas } from "../catalogue/schemas.ts";
import { jsonSchemas, schemaFolder } from "../manifests/schemas.ts";
import { runCommand } from "./command.ts";

const usage = `Writes the JSON Schemas of project.yaml, images.yaml and files.yaml for editors, and those of the catalogue's documents for readers, from the
definitions that the program validates with.

usage: npm run schemas`;

await runCommand(usage, async () => {
  const root = join(import.meta.dirname, "../..");
  const folders = { [schemaFolder]: jsonSchemas(), [catalogueSchemaFolder]: catalogueSchemas() };
  for (const [folder, schemas] of Object.entries(folders)) {
    await mkdir(join(root, folder), { recursive: true });
    for (const [name, schema] of Object.entries(schemas))
      await writeFile(join(root, folder, name), JSON.stringify(schema, undefined, 2));
  }
  execFileSync(join(root, "node_modules/.bin/biome"), ["format", "--write", ...Object.keys(folders)], {
    cwd: root,
    stdio: "inherit",
  });
  return 0;
});
