import { connect, type Socket } from "node:net";

/** What came back so far. */
export interface LoadResult {
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** Requests whose connection ended before their answer was complete. */
  broken: number;
  /** What went wrong, once each. */
  readonly errors: Set<string>;
}

/** Sends requests until stopped. */
export interface Load {
  readonly result: LoadResult;
  /** Calls for each answer with the request's target and the answer's Location. */
  onAnswer: (target: string, location: string) => void;
  /** Resolves when every connection has its last answer, or has found nobody listening. */
  stop(): Promise<void>;
}

/**
 * Keeps `connections` kept-alive HTTP/1.1 connections busy with the requests that `next` makes (whole requests, one GET each), each
 * with a pause between two. A connection that the server closed in order is opened again; one that is refused is left.
 */
export function startLoad(port: number, connections: number, pauseMs: number, next: () => string): Load {
  const result: LoadResult = { statuses: new Map(), broken: 0, errors: new Set() };
  let stopping = false;
  const load: Load = {
    result,
    onAnswer: () => undefined,
    async stop() {
      stopping = true;
      await Promise.all(running);
    },
  };
  const running = Array.from({ length: connections }, () => keepBusy());
  return load;

  async function keepBusy(): Promise<void> {
    while (!stopping && (await oneConnection()));
  }

  /** False if nobody listens. */
  function oneConnection(): Promise<boolean> {
    return new Promise((resolve) => {
      let input = "";
      let request = "";
      let connected = false;
      const socket: Socket = connect(port, "127.0.0.1", () => {
        connected = true;
        send();
      });
      const send = (): void => {
        request = next();
        socket.write(request);
      };
      socket.on("data", (chunk) => {
        input += chunk.toString("latin1");
        const end = input.indexOf("\r\n\r\n");
        const length = /\r\ncontent-length: (\d+)/i.exec(input)?.[1];
        if (end === -1 || length === undefined || input.length < end + 4 + Number(length)) return;
        const status = Number(input.slice(9, 12));
        result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1);
        load.onAnswer(request.split(" ")[1] ?? "", /\r\nlocation: ([^\r]*)/i.exec(input)?.[1] ?? "");
        const last = /\r\nconnection: close/i.test(input);
        input = "";
        request = "";
        if (last || stopping) socket.end();
        else setTimeout(() => (socket.destroyed ? undefined : send()), pauseMs);
      });
      socket.on("error", (error) => {
        if (connected) result.errors.add(error.message);
      });
      socket.on("close", () => {
        if (request !== "" && connected) result.broken++;
        resolve(connected);
      });
    });
  }
}
