import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * When a process started, as an opaque text, or undefined if there is no such process. With the pid it names one process for good:
 * pids are reused, a pid with the same start time is not.
 */
export function startTime(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The second field is the command in parentheses and may hold anything; field 22 counts from after it (proc(5)).
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? undefined : fields[19];
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

/** One process, named so that a stranger that later got its pid is not mistaken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** True if exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTime(identity.pid) === identity.startTime;
}

/**
 * Stops exactly these processes: TERM to each one's group, then KILL after the grace period. Strangers that got a pid since are left alone.
 * Resolves when all are gone.
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

/** Every child of ours leads its own process group, so the negative pid reaches what it started too. */
function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(-identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended in between
  }
}
