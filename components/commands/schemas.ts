import { execFile } from "node:child_process";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { catalogueSchemaFolder, catalogueSchemas } from "../catalogue/schemas.ts";
import { jsonSchemas, schemaFolder } from "../manifests/schemas.ts";
import { printJson, printNote } from "./output.ts";

/** `artifacts schemas`. */
export const schemasCommand = new Command("schemas")
  .summary("write the JSON Schemas of manifests and catalogue")
  .description(
    "Writes the JSON Schemas of project.yaml, images.yaml and files.yaml for editors, and those of the catalogue's documents for readers, from the definitions that the program validates with. A file that is right already is left alone.",
  )
  .option("--json", "one JSON document: {files, written}")
  .action(async () => {
    const root = join(import.meta.dirname, "../..");
    const documents = [
      ...Object.entries(jsonSchemas()).map(([name, schema]) => [join(schemaFolder, name), schema] as const),
      ...Object.entries(catalogueSchemas()).map(
        ([name, schema]) => [join(catalogueSchemaFolder, name), schema] as const,
      ),
    ];
    const written: string[] = [];
    for (const [file, schema] of documents) {
      const target = join(root, file);
      const text = await formatted(root, file, JSON.stringify(schema, undefined, 2));
      if ((await readFile(target, "utf8").catch(() => undefined)) === text) continue;
      await mkdir(dirname(target), { recursive: true });
      await writeFile(`${target}.new`, text);
      await rename(`${target}.new`, target);
      written.push(file);
    }
    for (const file of written) printNote(`${file}: written`);
    if (written.length === 0) printNote(`${documents.length} schemas are as they should be`);
    printJson({ files: documents.map(([file]) => file), written });
  });

/** A text as the formatter of this repository writes the file. */
async function formatted(root: string, file: string, text: string): Promise<string> {
  const running = promisify(execFile)(join(root, "node_modules/.bin/biome"), ["format", `--stdin-file-path=${file}`], {
    cwd: root,
  });
  running.child.stdin?.end(text);
  return (await running).stdout;
}
