import { spawn } from "node:child_process";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");

/** Runs the pinned Bun in the repository's root. Throws with Bun's output when it fails. */
export async function runBun(args: readonly string[]): Promise<void> {
  const bun = path.join(root, "node_modules", ".bin", "bun");
  const child = spawn(bun, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (code !== 0) throw new Error(`bun ${args[0]} ended with ${code}:\n${output.trim()}`);
}
