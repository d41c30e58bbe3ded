/** What a process and all below it use, read from /proc (proc_pid_stat(5)): Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** What a tree of processes used until its root ended. */
export interface TreeUse {
  /** The most that all together had resident at one moment, MiB; memory that two of them share counts twice. */
  readonly mib: number;
  /** Processor time, seconds, by what the process is; of those that ended, as it was last seen. */
  readonly cpu: ReadonlyMap<string, number>;
}

/** Ten times a second: what is used between the last look and the end is missed. */
const pause = 100;
/** Linux on all that this runs on: the unit of times, 1/100 s, and the size of a page. */
const [ticks, page] = [100, 4096];

/**
 * Watches until the root ends.
 * @param nameOf what a process is, from its command line.
 */
export async function watchTree(
  root: number,
  ended: Promise<unknown>,
  nameOf: (commandLine: string) => string,
): Promise<TreeUse> {
  let most = 0;
  let over = false;
  const end = ended.finally(() => {
    over = true;
  });
  const seen = new Map<number, { name: string; seconds: number }>();
  while (!over) {
    const processes = below(root);
    most = Math.max(
      most,
      processes.reduce((sum, { resident }) => sum + resident, 0),
    );
    for (const { pid, seconds } of processes) {
      // Asked again each time: a process is something else before its exec.
      const line = read(`/proc/${pid}/cmdline`) ?? "";
      const name = line === "" ? seen.get(pid)?.name : nameOf(line.replaceAll("\0", " "));
      if (name !== undefined) seen.set(pid, { name, seconds });
    }
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, pause))]);
  }
  const cpu = new Map<string, number>();
  for (const { name, seconds } of seen.values()) cpu.set(name, (cpu.get(name) ?? 0) + seconds);
  return { mib: most / 1024 ** 2, cpu };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly seconds: number;
  /** Bytes. */
  readonly resident: number;
}

function below(root: number): Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const processes = pids.map(readProcess).filter((one) => one !== undefined);
  const tree = new Set([root]);
  for (let size = 0; size < tree.size; ) {
    size = tree.size;
    for (const { pid, parent } of processes) if (tree.has(parent)) tree.add(pid);
  }
  return processes.filter(({ pid }) => tree.has(pid));
}

function readProcess(pid: string): Process | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the name in brackets, which may hold anything.
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [parent, user, system, pages] = [fields[1]!, fields[11]!, fields[12]!, fields[21]!];
  return { pid: Number(pid), parent, seconds: (user + system) / ticks, resident: pages * page };
}

/**
 * A file of /proc, which is in memory; undefined if the process has ended. At once: asked by promises, the looks at a hundred processes took a sixth of a core
 * from what is measured.
 */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
