import { connect, createServer } from "node:net";

/** A block of loopback ports: `base` up to and including `base + size - 1`. */
export interface PortBlock {
  readonly base: number;
  readonly size: number;
}

/** What the emulated cloud remembers of its ports: purpose (a stable text) -> port. */
export type Allocation = Record<string, number>;

/**
 * Gives each purpose one port of the block and remembers it, because ports are part of addresses that Pulumi keeps in its state
 * (a repository's `registryUri`): after a restart the same purpose must get the same port.
 */
export class Ports {
  readonly #block: PortBlock;
  readonly #allocation: Allocation;
  constructor(block: PortBlock, allocation: Allocation) {
    this.#block = block;
    this.#allocation = allocation;
  }

  /** What is to be remembered for the next start. */
  get allocation(): Allocation {
    return { ...this.#allocation };
  }

  /**
   * The port for a purpose. Throws when the block is used up, or when another program listens on it.
   * @param purpose e.g. `image registry us-central1`; shown to the user.
   */
  async take(purpose: string): Promise<number> {
    const { base, size } = this.#block;
    const portOf = this.#allocation[purpose];
    const port = portOf !== undefined && portOf >= base && portOf < base + size ? portOf : this.#next();
    if (port === undefined) {
      throw new Error(`No port left for the ${purpose} in ${base}-${base + size - 1}: configure a larger block.`);
    }
    this.#allocation[purpose] = port; // before anything is awaited: others take ports at the same time
    if (!(await isFree(port))) throw new Error(inUse(port, purpose, this.#block));
    return port;
  }

  /** The port that a purpose has. Throws if it has none. */
  known(purpose: string): number {
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

  /** Forgets a purpose whose resource was deleted. */
  release(purpose: string): void {
    delete this.#allocation[purpose];
  }
}

/** True if nothing listens on this loopback port. */
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
