/** What a shell script would run, found out by running it with programs that only note how they are called. */
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Programs that a reader of the documents has, or is told to install. */
const programs = [
  ...["npm", "npx", "node", "pulumi", "go", "git", "gh", "bash"],
  ...["gcloud", "aws", "curl", "gunzip", "grep", "sed", "xargs", "jq", "docker", "crane", "cosign", "regctl"],
];

/** The calls of a script, each a program and its arguments; or what bash says is wrong with it. */
export type ShellRun = { readonly calls: readonly (readonly string[])[] } | { readonly fault: string };

/**
 * Runs a script by bash in an empty folder. Every program of the list above succeeds and prints nothing; any other
 * command is a fault, as is bad syntax. `<placeholders>` stand for words.
 */
export async function shellCommands(script: string): Promise<ShellRun> {
  const folder = await mkdtemp(join(tmpdir(), "documents-shell-"));
  try {
    const bin = join(folder, "bin");
    const cwd = join(folder, "cwd");
    await mkdir(bin);
    await mkdir(cwd);
    const stub = join(folder, "stub");
    await writeFile(stub, `#!/bin/bash\nprintf '%s\\0' "\${0##*/}" "$@" $'\\n' >> '${folder}/calls'\n`);
    await chmod(stub, 0o755);
    for (const program of programs) await symlink(stub, join(bin, program));
    const { code, errors } = await bash(fillPlaceholders(script), cwd, bin);
    if (code !== 0) return { fault: errors.trim() || `it ends with ${code}` };
    const noted = await readFile(join(folder, "calls"), "utf8").catch(() => "");
    return {
      calls: noted
        .split("\0\n\0")
        .slice(0, -1)
        .map((call) => call.split("\0")),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Text in which `<64 hex digits>` is 64 digits, and any other `<placeholder>` a word. */
export function fillPlaceholders(text: string): string {
  return text
    .replaceAll(/<(\d+) (?:hex )?digits>/g, (_, count) => "a".repeat(Number(count)))
    .replaceAll(/<[a-z][\w .-]*>/gi, "example");
}

function bash(script: string, cwd: string, bin: string): Promise<{ code: number; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/bash", ["--noprofile", "--norc", "-euo", "pipefail", "-c", script], {
      cwd,
      env: { PATH: bin, HOME: cwd },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, errors }));
  });
}
