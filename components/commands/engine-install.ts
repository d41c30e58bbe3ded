import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { CommandError } from "./command.ts";
import {
  checkArchive,
  downloadArchive,
  engineArchives,
  engineHashes,
  engineHashesFile,
  engineSource,
} from "./engine-archives.ts";
import { printJson, printNote } from "./output.ts";

/** `artifacts engine-install`. */
export const engineInstallCommand = new Command("engine-install")
  .summary("install the Pulumi CLI and the providers' plugins, each checked against its hash")
  .description(
    `Installs the Pulumi CLI into a folder, and the plugins of the cloud providers into Pulumi's home ($PULUMI_HOME), in the versions of package.json. Each archive must have the SHA-256 that ${engineHashesFile} names; one that differs, or has none there, is an error, and nothing of it is unpacked.`,
  )
  .requiredOption("--to <folder>", "the folder of the CLI, to be put on PATH")
  .option("--from <url>", "where the archives are", engineSource)
  .option("--json", "one JSON document: {installed: [file]}")
  .action(async ({ to, from }) => {
    const hashes = engineHashes(await readFile(engineHashesFile, "utf8").catch(() => ""));
    const archives = engineArchives(`${process.platform}-${process.arch}`);
    const unknown = archives.filter(({ file }) => !hashes.has(file));
    if (unknown.length > 0)
      throw new CommandError(
        `${engineHashesFile} has no hash of ${unknown.map(({ file }) => file).join(", ")}: npx artifacts engine-pin adds them, for a reviewed change`,
      );
    const scratch = await mkdtemp(join(tmpdir(), "artifacts-engine-"));
    try {
      // All are checked before any is unpacked.
      for (const { file, path } of archives) {
        checkArchive(file, await downloadArchive(`${from}/${path}`, join(scratch, file)), hashes.get(file));
      }
      await mkdir(to, { recursive: true });
      const [cli, ...plugins] = archives;
      await promisify(execFile)("tar", ["-xzf", join(scratch, cli!.file), "-C", to, "--strip-components=1"]);
      for (const { provider, version, file } of plugins) {
        const words = [
          "plugin",
          "install",
          "resource",
          provider!,
          version,
          "--file",
          join(scratch, file),
          "--reinstall",
        ];
        await promisify(execFile)(resolve(to, "pulumi"), words, {
          env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
        });
      }
      const installed = archives.map(({ file }) => file);
      printNote(`Installed ${installed.join(", ")}`);
      printJson({ installed });
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
