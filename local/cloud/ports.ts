import { connect, createServer } from "node:net";

/** A block of loopback ports: `base` up to and including `base + size - 1`. */
export interface PortBlock {
  readonly base: number;
  readonly size: number;
}

/** The stored ports: purpose (a stable text) -> port. */
export type Allocation = Record<string, number>;

/**
 * Assigns each purpose one port of the block and keeps the assignment over restarts, because Pulumi's state contains URLs with ports
 * (a repository's `registryUri`).
 */
export class Ports {
  readonly #block: PortBlock;
  readonly #allocation: Allocation;
  constructor(block: PortBlock, allocation: Allocation) {
    this.#block = block;
    this.#allocation = allocation;
  }

  /** The assignments to store for the next start. */
  get allocation(): Allocation {
    return { ...this.#allocation };
  }

  /**
   * Assigns a port to a purpose, or returns the one that it has. Throws if the block is full or another program listens on the port.
   * @param purpose e.g. `image registry us-central1`; shown to the user.
   */
  async take(purpose: string): Promise<number> {
    const { base, size } = this.#block;
    const stored = this.#allocation[purpose];
    const port = stored !== undefined && stored >= base && stored < base + size ? stored : this.#next();
    if (port === undefined) {
      throw new Error(`No port left for the ${purpose} in ${base}-${base + size - 1}: configure a larger block.`);
    }
    this.#allocation[purpose] = port; // before the first await: other callers take ports concurrently
    if (!(await isFree(port))) throw new Error(inUse(port, purpose, this.#block));
    return port;
  }

  /** The port of a purpose. Throws if it has none. */
  portOf(purpose: string): number {
    const port = this.#allocation[purpose];
    if (port === undefined) throw new Error(`The ${purpose} has no port.`);
    return port;
  }

  #next(): number | undefined {
    const taken = new Set(Object.values(this.#allocation));
    const { base, size } = this.#block;
    for (let port = base; port < base + size; port++) if (!taken.has(port)) return port;
    return undefined;
  }

  /** Releases the port of a purpose whose resource was deleted. */
  release(purpose: string): void {
    delete this.#allocation[purpose];
  }
}

/**
 * True if nothing listens on this loopback port.
 * @internal exported for its tests.
 */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(false) : reject(error),
    );
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** True if a TCP connection to this loopback port succeeds. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => socket.destroy() && resolve(true));
    socket.once("error", () => resolve(false));
  });
}

function inUse(port: number, purpose: string, block: PortBlock): string {
  return (
    `Port ${port} on 127.0.0.1, wanted for the ${purpose}, is used by another program. ` +
    `Stop that program, or configure another block of ${block.size} ports than ${block.base}-${block.base + block.size - 1}.`
  );
}
