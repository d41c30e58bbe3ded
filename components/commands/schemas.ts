import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { catalogueSchemaFolder, catalogueSchemas } from "../catalogue/schemas.ts";
import { jsonSchemas, schemaFolder } from "../manifests/schemas.ts";

/** `artifacts schemas`. */
export const schemasCommand = new Command("schemas")
  .summary("write the JSON Schemas of manifests and catalogue")
  .description(
    "Writes the JSON Schemas of project.yaml, images.yaml and files.yaml for editors, and those of the catalogue's documents for readers, from the definitions that the program validates with.",
  )
  .action(async () => {
    const root = join(import.meta.dirname, "../..");
    const folders = { [schemaFolder]: jsonSchemas(), [catalogueSchemaFolder]: catalogueSchemas() };
    for (const [folder, documents] of Object.entries(folders)) {
      await mkdir(join(root, folder), { recursive: true });
      for (const [name, schema] of Object.entries(documents))
        await writeFile(join(root, folder, name), JSON.stringify(schema, undefined, 2));
    }
    execFileSync(join(root, "node_modules/.bin/biome"), ["format", "--write", ...Object.keys(folders)], {
      cwd: root,
      stdio: "inherit",
    });
  });
