/** The peers' commands for the work that a promotion does: everything of the staging repositories to one mirror. */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { peerPath } from "../support/peers.ts";
import type { Fixture } from "./promotion-fixture.ts";

/** What a run took. */
export interface Cost {
  /** ms. */
  readonly wall: number;
  /** ms of user and system time. */
  readonly cpu: number;
  /** MiB. */
  readonly rss: number;
}

/** A peer; undefined if this machine does not have it. */
export type PeerCommand = (source: string, target: string, fixture: Fixture) => Promise<Cost | undefined>;

/** regsync with 16 parallel copies, whole repositories. */
export const regsync: PeerCommand = async (source, target, { repositories }) => {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-regsync-"));
  const creds = [source, target].map((registry) => `  - {registry: "${registry}", tls: disabled, reqConcurrent: 16}`);
  const sync = repositories.map(
    (name) => `  - {source: "${source}/staging/${name}", target: "${target}/images/bench/${name}", type: repository}`,
  );
  await writeFile(
    join(folder, "c.yml"),
    `version: 1\ncreds:\n${creds.join("\n")}\ndefaults: {parallel: 16}\nsync:\n${sync.join("\n")}\n`,
  );
  const cost = await measure(folder, `${await peerPath("regsync")} once -v error -c ${join(folder, "c.yml")}`);
  await rm(folder, { recursive: true });
  return cost;
};

/** crane, all tags of each repository. */
export const crane: PeerCommand = async (source, target, { repositories }) => {
  const program = await peerPath("crane");
  return script(
    repositories.map((name) => `${program} copy -a ${source}/staging/${name} ${target}/images/bench/${name}`),
  );
};

/** oras, tag by tag, with referrers. */
export const oras: PeerCommand = async (source, target, { references }) => {
  const program = await peerPath("oras");
  const options = "-r --no-tty --from-plain-http --to-plain-http";
  return script(
    references.map(
      (reference) => `${program} cp ${options} ${source}/staging/${reference} ${target}/images/bench/${reference}`,
    ),
  );
};

/** skopeo, all tags of each repository. */
export const skopeo: PeerCommand = async (source, target, { repositories }) => {
  const found = await promisify(execFile)("sh", ["-c", "command -v skopeo"]).catch(() => undefined);
  if (!found) return undefined;
  const options = "--all --src docker --dest docker --src-tls-verify=false --dest-tls-verify=false --preserve-digests";
  return script(repositories.map((name) => `skopeo sync ${options} ${source}/staging/${name} ${target}/images/bench`));
};

async function script(commands: readonly string[]): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-peer-"));
  const cost = await measure(folder, commands.join(" && "));
  await rm(folder, { recursive: true });
  return cost;
}

/** Runs a line of shell; times by bash, the largest memory of any process of it by looking often. */
async function measure(folder: string, command: string): Promise<Cost> {
  const times = join(folder, "times");
  const timed = `TIMEFORMAT='%R %U %S'; { time { ${command}; } >${join(folder, "out")} 2>&1; } 2>${times}`;
  const child = spawn("bash", ["-c", timed], { stdio: "ignore" });
  let rss = 0;
  const looking = setInterval(() => void largest(child.pid!).then((size) => (rss = Math.max(rss, size))), 50);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(looking);
  const text = await readFile(times, "utf8");
  if (code !== 0) throw new Error(`${command.slice(0, 200)}: ${text}${await readFile(join(folder, "out"), "utf8")}`);
  const [wall = 0, user = 0, system = 0] = text
    .trim()
    .split("\n")
    .at(-1)!
    .split(" ")
    .map((part) => Number(part) * 1000);
  return { wall, cpu: user + system, rss };
}

/** The largest memory that a child of a process ever had, in MiB. */
async function largest(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const sizes = await Promise.all(
    [...children.split(" ").filter(Boolean), String(pid)].map(async (child) => {
      const status = await readFile(`/proc/${child}/status`, "utf8").catch(() => "");
      return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    }),
  );
  return Math.max(...sizes);
}
