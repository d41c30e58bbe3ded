/**
 * Loopback ports for the servers of tests. A port that was free a moment ago is none: between the look and the server's start another
 * test's server, or any client that the system gives it to, may take it. So they are claimed among all tests of this machine, and lie
 * below those that systems give to clients (Linux: from 32768, others from 49152).
 */
import { createServer, type Server } from "node:net";
import { isFree, type PortBlock } from "../../local/cloud/ports.ts";

/** Ports are claimed by so many; slot `i` begins at `firstPort + i * slotSize`. */
const slotSize = 20;
const slots = 590;
const firstPort = 20_000;
/** Who listens on `firstLock + i` has slot `i`. The system gives it back when that process ends, however it ends. */
const firstLock = 19_000;

/** A block of free ports that no other test gets while this process lives. */
export async function claimBlock(size: number): Promise<PortBlock> {
  const needed = Math.ceil(size / slotSize);
  const start = Math.floor(Math.random() * slots);
  for (let tried = 0; tried < slots; tried++) {
    const slot = (start + tried) % slots;
    if (slot + needed > slots) continue;
    const base = firstPort + slot * slotSize;
    if (await claim(slot, needed, base, size)) return { base, size };
  }
  throw new Error(`no ${size} free ports between ${firstPort} and ${firstPort + slots * slotSize}`);
}

/** A free port that no other test gets while this process lives. Unless a server is started on it, nobody listens there. */
export async function freePort(): Promise<number> {
  for (;;) {
    current ??= claimBlock(slotSize).then((block) => ({ ...block, next: 0 }));
    const claimed = current;
    const block = await claimed;
    if (block.next < block.size) return block.base + block.next++;
    if (current === claimed) current = undefined;
  }
}

let current: Promise<PortBlock & { next: number }> | undefined;

async function claim(slot: number, count: number, base: number, size: number): Promise<boolean> {
  const locks: Server[] = [];
  for (let index = slot; index < slot + count; index++) {
    const lock = await listening(firstLock + index);
    if (lock) locks.push(lock);
  }
  // What lives on of a test that was killed is in the way of none but its own ports.
  const free = await Promise.all(Array.from({ length: size }, (_, index) => isFree(base + index)));
  if (locks.length === count && free.every(Boolean)) return true;
  for (const lock of locks) lock.close();
  return false;
}

/** Undefined if another process listens there. */
function listening(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(undefined) : reject(error),
    );
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server.unref()));
  });
}
