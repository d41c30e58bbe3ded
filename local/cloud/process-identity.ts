import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Start time of a process, as an opaque text; undefined if the process does not exist, or has ended in all of its threads and holds nothing any
 * more. Pids are reused, but pid and start time together identify one process.
 */
export function startTime(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The second field is the command in parentheses, which may contain spaces. Field 22 is counted after it (proc(5)).
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // A process that is killed is a zombie as soon as its first thread has ended. Its files and ports stay open until the last one has.
      const hasEnded = fields[0] === "Z" && readdirSync(`/proc/${pid}/task`).length <= 1;
      return hasEnded ? undefined : fields[19];
    } catch {
      return undefined; // no such process
    }
  }
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return line === "" || line.startsWith("Z") ? undefined : line.slice(line.indexOf(" ")).trim();
  } catch {
    return undefined; // ps exits 1 when there is no such process
  }
}

/** Identifies one process, even if another one gets its pid later. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTime(identity.pid) === identity.startTime;
}

/**
 * Stops exactly these processes: TERM to each one's group, then KILL after the grace period. Leaves other processes alone that got a reused pid.
 * Resolves when all have ended.
 */
export async function stopProcesses(identities: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  for (const identity of identities) signal(identity, "SIGTERM");
  for (;;) {
    const left = identities.filter(isAlive);
    if (left.length === 0) return;
    if (Date.now() > deadline) for (const identity of left) signal(identity, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Signals a process group. Each child leads its own group, so the signal also reaches its children. */
function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(-identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended in between
  }
}
