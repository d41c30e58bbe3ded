import { existsSync } from "node:fs";
import { join } from "node:path";

/** Options of podman that keep all that it stores in a folder, without a file system or a service of this machine. */
export function podmanIn(folder: string): string[] {
  const places = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
  // Debian's crun refuses a machine that has cgroups of both versions; runc, which containerd brings along, runs there.
  const runtime = existsSync("/usr/sbin/runc") ? ["--runtime", "runc"] : [];
  return [...places, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", ...runtime];
}
