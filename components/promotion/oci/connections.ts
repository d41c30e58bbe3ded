import {
  Connection,
  type ConnectionRules,
  type Request,
  StaleConnectionError,
  type Taking,
  type TlsSessions,
  type WholeAnswer,
} from "./connection.ts";

/** ms for which a connection without a request is kept: shorter than what servers and what is in between keep it. */
const idleTime = 15_000;

interface Idle {
  readonly connection: Connection;
  readonly since: number;
}

/** Connections to any servers, kept open between requests. As many as there are requests at a time: who asks bounds them. */
export class Connections {
  readonly #rules: ConnectionRules;
  readonly #all = new Set<Connection>();
  readonly #idle = new Map<string, Idle[]>();
  readonly #sessions: TlsSessions = new Map();
  readonly #stops = new WeakMap<AbortSignal, Set<Connection>>();

  constructor(rules: ConnectionRules) {
    this.#rules = rules;
  }

  /**
   * Sends one request and takes its whole answer.
   * @throws WrongContentError for a body beyond the limit, ProtocolError, the system's errors, the signal's reason.
   */
  async exchange(request: Request, taking: Taking): Promise<WholeAnswer> {
    const { signal } = taking;
    const busy = this.#busyFor(signal);
    for (let isAgain = false; ; isAgain = true) {
      signal.throwIfAborted();
      const connection = (isAgain ? undefined : this.#idleOne(request.origin)) ?? this.#open(request.origin);
      busy.add(connection);
      try {
        return await connection.send(request, taking);
      } catch (error) {
        connection.destroy(error);
        if (isAgain || !(error instanceof StaleConnectionError)) throw error;
      } finally {
        busy.delete(connection);
      }
    }
  }

  /** Ends all connections, and what is under way. */
  destroy(): void {
    for (const connection of this.#all) connection.destroy(new Error("connections were closed"));
  }

  #idleOne(origin: string): Connection | undefined {
    const list = this.#idle.get(origin) ?? [];
    for (let last = list.pop(); last; last = list.pop()) {
      if (performance.now() - last.since < idleTime) return last.connection;
      last.connection.destroy(undefined);
    }
    return undefined;
  }

  #open(origin: string): Connection {
    const list = this.#idle.get(origin) ?? [];
    this.#idle.set(origin, list);
    const connection = new Connection(
      origin,
      this.#rules,
      this.#sessions,
      (free) => list.push({ connection: free, since: performance.now() }),
      (gone) => {
        this.#all.delete(gone);
        const at = list.findIndex((entry) => entry.connection === gone);
        if (at >= 0) list.splice(at, 1);
      },
    );
    this.#all.add(connection);
    return connection;
  }

  /** The connections that an abort of this signal ends; one listener for all of a run's thousands of requests. */
  #busyFor(signal: AbortSignal): Set<Connection> {
    const known = this.#stops.get(signal);
    if (known) return known;
    const busy = new Set<Connection>();
    this.#stops.set(signal, busy);
    signal.addEventListener(
      "abort",
      () => {
        for (const connection of busy) connection.destroy(signal.reason);
      },
      { once: true },
    );
    return busy;
  }
}
