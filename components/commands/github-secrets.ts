import { spawn } from "node:child_process";
import { z } from "zod";
import { CommandError } from "./command.ts";
import { printDetail } from "./output.ts";

/** Where a repository at GitHub keeps secrets for its workflows: for all of them, or for the jobs of one environment. */
export interface SecretPlace {
  readonly repository: string;
  readonly environment?: string | undefined;
}

const secretsSchema = z.array(z.object({ name: z.string(), updated_at: z.string() }));

/** When each secret was last set, in milliseconds, by name. Values can't be read. Through the GitHub CLI, as whoever is logged in to it. */
export async function secretTimes({ repository, environment }: SecretPlace): Promise<ReadonlyMap<string, number>> {
  const path = environment === undefined ? "actions/secrets" : `environments/${environment}/secrets`;
  const query = ["api", "--paginate", `repos/${repository}/${path}?per_page=100`, "--jq", ".secrets[]"];
  const lines = (await gh(query)).split("\n").filter((line) => line !== "");
  const listed = secretsSchema.parse(lines.map((line) => JSON.parse(line) as unknown));
  return new Map(listed.map(({ name, updated_at }) => [name, Date.parse(updated_at)]));
}

/** Sets secrets. Their values go to the CLI by its standard input alone: arguments are seen by every process of the machine. */
export async function setSecrets(
  { repository, environment }: SecretPlace,
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  const place = environment === undefined ? [] : ["--env", environment];
  await gh(["secret", "set", "-f", "-", ...place, "--repo", repository], lines.join(""));
}

function gh(args: readonly string[], input = ""): Promise<string> {
  printDetail(`runs gh ${args.join(" ")}`);
  return new Promise((resolve, reject) => {
    const child = spawn("gh", args, { stdio: "pipe" });
    let [out, problem] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      problem += chunk.toString();
    });
    child.stdin.on("error", () => {}); // it ended without reading: its exit code says so
    child.once("error", () =>
      reject(new CommandError("gh is not on PATH: install the GitHub CLI, and log in with gh auth login")),
    );
    child.once("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new CommandError(`gh ${args.join(" ")}\n${problem.trim()}`));
    });
    child.stdin.end(input);
  });
}
