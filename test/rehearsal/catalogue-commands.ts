import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import type { DemoArtifacts } from "../../local/seed/artifacts.ts";
import { projectRoot } from "../../local/tools/rehearsal-folder.ts";
import { startChromium } from "../support/browser/chromium.ts";
import { newVisitor, shows } from "../support/browser/visitor.ts";
import { peerPath } from "../support/peers.ts";

/** A command as the page shows it, and its subject. */
interface ShownCommand {
  readonly line: string;
  /** Digest of the version, or SHA-256 of the file. */
  readonly of: string;
}

/** Numbers of commands, by program. */
export interface Commands {
  readonly ran: Readonly<Record<string, number>>;
  /** Commands of programs, or of services behind them, that this machine lacks. */
  readonly left: Readonly<Record<string, number>>;
}

/**
 * Runs the commands that the page of a running rehearsal shows for the promoted artifacts, unchanged, in a shell, if their program is installed.
 * Throws if a command fails or does not print what it should.
 */
export async function runCommands(chromium: string, base: string, artifacts: DemoArtifacts): Promise<Commands> {
  // The page shows commands for the host name in its URL. Without a flag, oras uses plain HTTP only with "localhost". crane (0.22) follows a
  // redirect to a loopback address only from such an address.
  const local = new URL(base);
  local.hostname = "localhost";
  const [byAddress, byName] = [
    await shownCommands(chromium, base, artifacts),
    await shownCommands(chromium, local.origin, artifacts),
  ];
  const isOras = ({ line }: ShownCommand): boolean => line.startsWith("oras ");
  const shown = [...byAddress.filter((one) => !isOras(one)), ...byName.filter(isOras)];
  assert.ok(shown.length > 0, "the page shows commands");
  const folder = await mkdtemp(join(tmpdir(), "commands-"));
  const ran: Record<string, number> = {};
  const left: Record<string, number> = {};
  try {
    const programs = join(folder, "programs");
    await mkdir(programs);
    for (const peer of ["crane", "oras"] as const) await symlink(await peerPath(peer), join(programs, peer));
    const PATH = [programs, process.env["PATH"]].join(delimiter);
    const environment = { ...process.env, PATH, HOME: folder, DOCKER_CONFIG: folder };
    for (const [index, { line, of }] of shown.entries()) {
      const program = line.split(" ", 1)[0]!;
      const counts = (await isThere(program, environment)) ? ran : left;
      counts[program] = (counts[program] ?? 0) + 1;
      if (counts === left) continue;
      const directory = join(folder, String(index));
      await mkdir(directory);
      await copyFile(join(projectRoot, "local/seed/demo-key.pub"), join(directory, "cosign.pub")); // "from the project itself"
      const done = await promisify(execFile)("sh", ["-c", line], { cwd: directory, env: environment }).catch(
        (error: Error) => assert.fail(`${line}\n${error.message}`),
      );
      await checkResult(line, of, done.stdout, directory);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { ran, left };
}

/** Checks the result of a command that has exited with 0. */
async function checkResult(line: string, of: string, output: string, directory: string): Promise<void> {
  if (line.startsWith("curl")) assert.match(output, /: OK\n$/, line);
  if (line.startsWith("crane digest")) assert.equal(output.trim(), of, line);
  if (line.startsWith("crane pull")) assert.ok((await readdir(directory)).includes("image.tar"), line);
  if (line.startsWith("oras discover")) assert.match(output, /application\/spdx\+json/, line);
  if (line.startsWith("cosign verify")) assert.ok(output.includes(of), `${line}\n${output}`);
}

/** Every command of every version of an image, and of some files. */
async function shownCommands(
  chromium: string,
  base: string,
  { projects }: DemoArtifacts,
): Promise<readonly ShownCommand[]> {
  const browser = await startChromium(chromium);
  const { page, wellBehaved, close } = await newVisitor(browser, base);
  const found: ShownCommand[] = [];
  try {
    for (const { name, images, files } of projects) {
      for (const image of images) {
        for (const { digest } of image.releases.filter(({ promoted }) => promoted)) {
          await page.goto(`/images/${name}/${image.name}@${digest}`);
          await shows(page, `${name}/${image.name}`);
          found.push(...(await opened(page)).map((line) => ({ line, of: digest })));
        }
      }
      for (const { path, sha256 } of files.filter(({ promoted }) => promoted).slice(0, filesTried)) {
        await page.goto(`/projects/${name}/files/${path}`);
        const [line] = await opened(page);
        found.push({ line: line!, of: sha256 });
      }
    }
    wellBehaved();
  } finally {
    await close();
    await browser.close();
  }
  return found;
}

/** The lines with a copy button in the open version. */
async function opened(page: Page): Promise<string[]> {
  const lines = page.locator("details[open] .line code");
  await lines.first().waitFor();
  return lines.allTextContents();
}

/** Number of files of a project to download. */
const filesTried = 3;

async function isThere(program: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const probes: Readonly<Record<string, string>> = {
    docker: "docker info", // needs a running daemon, not only the program
    curl: "command -v curl && command -v sha256sum",
  };
  const probe = probes[program] ?? `command -v ${program}`;
  return promisify(execFile)("sh", ["-c", probe], { env }).then(
    () => true,
    () => false,
  );
}
