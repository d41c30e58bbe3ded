import { Connection, type ConnectionSettings, type Wire } from "./connection.ts";
import { HeadReader, type RefusedHead } from "./head.ts";
import { Output } from "./output.ts";
import type { IncomingRequest, OutgoingResponse } from "./request.ts";

/**
 * Carries HTTP/1.1 over Bun's sockets. Bun's own HTTP server gives a request's URL only after resolving it (`..`, `%2e%2e`, `\`), and takes
 * 1.6 times the CPU for the same responses; its node:http takes 2.8 times, Node's 2.8 to 4.4 times (test/bench/redirector-carriers.ts).
 */

/** A listening server. */
export interface Server {
  readonly port: number;
  /** Connections that are open now. */
  connections(): number;
  /**
   * Stops accepting, completes the requests in progress, and closes connections that are idle for a second. Resolves when all
   * connections are closed; after `limitMs` it closes the rest by force.
   */
  drain(limitMs: number): Promise<void>;
}

/** Settings of a server. */
export interface ServerSettings {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  readonly handle: (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>;
  readonly onError: (error: unknown) => void;
  /** Gives the response to a request that HTTP/1.1 refuses. */
  readonly refuse: (head: RefusedHead) => OutgoingResponse;
  /** At this limit a new connection replaces an idle one, or is refused. */
  readonly mostConnections?: number;
  /** How long a client may take to send a request head, or leave a response unread. Default: 10. */
  readonly headSeconds?: number;
}

/** Longer than the 600 s keep-alive of Google's load balancers, so that the load balancer closes first. */
const idleSeconds = 620;
const lingerSeconds = 2;
/** Bytes of responses that clients have not read, of all connections together: clients that never read cannot exhaust the memory. */
const mostUnsent = 64 * 1024 * 1024;
const sweepMs = 1000;
const disconnects: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED"]);

/** Starts to listen. Throws if it cannot, e.g. because the port is taken. */
export function serve(settings: ServerSettings): Server {
  const { hostname, port, handle, onError, refuse, mostConnections = 10_000, headSeconds = 10 } = settings;
  const open = new Set<Socket>();
  let draining = false;
  const shared: Shared = { now: Date.now(), unsent: 0, headSeconds };
  let date = new Date(shared.now).toUTCString();

  const connectionSettings: ConnectionSettings = {
    handle,
    onError,
    refuse,
    heads: new HeadReader(),
    output: new Output(),
    draining: () => draining,
    date: () => date,
  };

  const listener = Bun.listen<SocketConnection>({
    hostname,
    port,
    // A client that closes its sending side after the request still gets the response.
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = new SocketConnection(socket, connectionSettings, shared);
        if (open.size >= mostConnections && !makeRoom()) socket.terminate();
        else open.add(socket);
      },
      data(socket, bytes) {
        socket.data.receive(bytes);
      },
      drain(socket) {
        socket.data.flush();
      },
      end(socket) {
        socket.data.finished();
      },
      close(socket) {
        socket.data.gone();
        open.delete(socket);
      },
      error(socket, error) {
        socket.data.gone();
        // A client that disconnects is not an error of the server.
        if (!disconnects.has((error as NodeJS.ErrnoException).code ?? "")) onError(error);
      },
    },
  });

  /** Closes an idle connection. False if there is none. */
  function makeRoom(): boolean {
    for (const socket of open) {
      if (!socket.data.idle || shared.now - socket.data.active < sweepMs) continue;
      open.delete(socket);
      socket.terminate();
      return true;
    }
    return false;
  }

  const sweeper = setInterval(() => {
    shared.now = Date.now();
    date = new Date(shared.now).toUTCString();
    for (const socket of open) {
      if (socket.data.isOverdue(draining)) socket.data.giveUp();
    }
  }, sweepMs);
  sweeper.unref();

  return {
    port: listener.port,
    connections: () => open.size,
    async drain(limitMs) {
      draining = true;
      listener.stop(false);
      const end = Date.now() + limitMs;
      while (open.size > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const socket of open) socket.terminate();
      clearInterval(sweeper);
    },
  };
}

/** What all connections of a server share. */
interface Shared {
  /** Milliseconds since the epoch, updated once a second: reading the clock for each request costs too much. */
  now: number;
  /** Bytes that wait for clients to read them. */
  unsent: number;
  readonly headSeconds: number;
}

/** A socket's connection, and its unsent bytes. */
class SocketConnection implements Wire {
  readonly connection: Connection;
  readonly #socket: Socket;
  readonly #shared: Shared;
  /** When the client last started or completed a request, or read a response. */
  active: number;
  /** Number of complete requests at the last check. */
  #requests = 0;
  #unsent: Uint8Array | undefined = undefined;
  #ending: "no" | "once sent" | "lingering" = "no";

  constructor(socket: Socket, settings: ConnectionSettings, shared: Shared) {
    this.#socket = socket;
    this.#shared = shared;
    this.active = shared.now;
    this.connection = new Connection(settings, this, socket.remoteAddress);
  }

  /** Whether the connection waits for a request. */
  get idle(): boolean {
    return this.#ending === "no" && !this.connection.busy && !this.connection.reading;
  }

  /** Whether the connection has exceeded its time limit. */
  isOverdue(draining: boolean): boolean {
    this.#noteRequests();
    return this.#shared.now - this.active >= this.#secondsAllowed(draining) * 1000;
  }

  #secondsAllowed(draining: boolean): number {
    if (this.#ending !== "no" && this.#unsent === undefined) return lingerSeconds;
    if (this.connection.busy || this.connection.reading || this.#unsent !== undefined) return this.#shared.headSeconds;
    return draining ? 1 : idleSeconds;
  }

  /**
   * A complete head is activity: a client that pipelines without pause always has part of the next request buffered here, and is served. The time limit of a head
   * starts at the end of the previous head.
   */
  #noteRequests(): void {
    if (this.connection.requests === this.#requests) return;
    this.#requests = this.connection.requests;
    this.active = this.#shared.now;
  }

  /** Closes an overdue connection: gracefully if it is idle, by force otherwise. */
  giveUp(): void {
    if (this.idle) {
      this.active = this.#shared.now;
      this.end(false);
    } else {
      this.#socket.terminate();
    }
  }

  /** The client has closed its sending side. */
  finished(): void {
    if (this.#ending === "lingering") this.#socket.end();
    else this.connection.finished();
  }

  /** The socket is closed. */
  gone(): void {
    this.#keep(undefined);
    this.connection.closed();
  }

  receive(bytes: Buffer): void {
    if (this.#ending !== "no") return;
    // The bytes of an incomplete head are not activity, so that a slow head reaches its time limit.
    if (!this.connection.reading) this.active = this.#shared.now;
    this.connection.receive(bytes);
    this.#noteRequests();
  }

  send(bytes: Buffer, length: number): boolean {
    const written = this.#unsent === undefined ? Math.max(0, this.#socket.write(bytes, 0, length)) : 0;
    if (written === length && this.#unsent === undefined) return true;
    const rest = Buffer.from(bytes.subarray(written, length));
    this.#keep(this.#unsent === undefined ? rest : Buffer.concat([this.#unsent, rest]));
    if (this.#shared.unsent > mostUnsent) this.#socket.terminate();
    return false;
  }

  end(linger: boolean): void {
    this.#ending = linger ? "lingering" : "once sent";
    if (this.#unsent === undefined) this.#close();
  }

  flush(): void {
    if (this.#unsent === undefined) return;
    this.active = this.#shared.now;
    const written = Math.max(0, this.#socket.write(this.#unsent));
    if (written < this.#unsent.length) {
      this.#keep(this.#unsent.subarray(written));
      return;
    }
    this.#keep(undefined);
    if (this.#ending === "no") this.connection.sent();
    else this.#close();
  }

  #keep(unsent: Uint8Array | undefined): void {
    this.#shared.unsent += (unsent?.length ?? 0) - (this.#unsent?.length ?? 0);
    this.#unsent = unsent;
  }

  #close(): void {
    if (this.#ending === "lingering") this.#socket.shutdown();
    else this.#socket.end();
  }
}

type Socket = BunSocket<SocketConnection>;

/** The part of Bun's TCP API that is used here (bun.sh/docs/runtime/networking/tcp). Node's types lack it. */
interface BunSocket<Data> {
  data: Data;
  readonly remoteAddress: string;
  /** Returns how many bytes were written; -1 if the socket is closed. */
  write(data: Uint8Array, from?: number, length?: number): number;
  end(): void;
  /** Closes for writing only. */
  shutdown(): void;
  terminate(): void;
}

declare const Bun: {
  listen<Data>(options: {
    hostname: string;
    port: number;
    allowHalfOpen: boolean;
    socket: {
      open(socket: BunSocket<Data>): void;
      data(socket: BunSocket<Data>, bytes: Buffer): void;
      drain(socket: BunSocket<Data>): void;
      end(socket: BunSocket<Data>): void;
      close(socket: BunSocket<Data>): void;
      error(socket: BunSocket<Data>, error: Error): void;
    };
  }): { readonly port: number; stop(closeActive: boolean): void };
};
