import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import {
  checkArchive,
  downloadArchive,
  engineArchives,
  engineHashes,
  engineHashesFile,
  enginePlatforms,
  engineSource,
} from "./engine-archives.ts";
import { printJson, printNote, printResult } from "./output.ts";

const introduction = `# SHA-256 of the archives of the Pulumi CLI and of the providers' plugins that engine-install takes. npx artifacts engine-pin writes it, after a
# change of their versions; compare what it adds with the checksums of Pulumi's releases on GitHub before it is merged.
`;

/** `artifacts engine-pin`. */
export const enginePinCommand = new Command("engine-pin")
  .summary("write the hashes of the Pulumi CLI and the providers' plugins, for a reviewed change")
  .description(
    `Downloads the archives of the Pulumi CLI and of the providers' plugins in the versions of package.json, for all platforms, and writes their SHA-256 into ${engineHashesFile}, which engine-install checks. A hash that is there and differs is an error: an archive that was published does not change.`,
  )
  .option("--from <url>", "where the archives are", engineSource)
  .option("--json", "one JSON document: {file, added: [{file, sha256}]}")
  .action(async ({ from }) => {
    const known = engineHashes(await readFile(engineHashesFile, "utf8").catch(() => ""));
    const scratch = await mkdtemp(join(tmpdir(), "artifacts-engine-"));
    const lines: string[] = [];
    const added: { file: string; sha256: string }[] = [];
    try {
      for (const platform of enginePlatforms) {
        for (const { file, path } of engineArchives(platform)) {
          const hash = await downloadArchive(`${from}/${path}`, join(scratch, file));
          if (known.has(file)) checkArchive(file, hash, known.get(file));
          await rm(join(scratch, file));
          lines.push(`${hash}  ${file}\n`);
          if (known.has(file)) continue;
          added.push({ file, sha256: hash });
          printResult(`${hash}  ${file}`);
        }
      }
      await writeFile(engineHashesFile, introduction + lines.join(""));
      printNote(`${engineHashesFile}: written`);
      printJson({ file: engineHashesFile, added });
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
