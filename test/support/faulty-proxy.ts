/** A proxy in front of a real server that does to chosen requests what networks and overloaded servers do. */
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { afterFile } from "./cleanup.ts";

/** What happens to a request. */
export type Fault =
  /** Answered by the proxy; the server never sees it. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /**
   * The connection is cut after so many bytes of the request's body have passed to the server; to the client not before `settled`: what
   * has arrived may take its time to be seen in the server.
   */
  | { readonly kind: "cut-request"; readonly after: number; readonly settled?: (url: string) => Promise<void> }
  /** The server carries it out, and the connection is cut after so many bytes of the answer's body; 0: before its head. */
  | { readonly kind: "cut-answer"; readonly after: number }
  /** The answer's body ends after so many bytes as if that were all. */
  | { readonly kind: "shorten"; readonly to: number }
  /** One byte of the answer's body is another. */
  | { readonly kind: "corrupt"; readonly at: number }
  /** The answer's body comes in pieces of so many bytes, with so many ms between them. */
  | { readonly kind: "slow"; readonly piece: number; readonly every: number }
  /** The request's body is taken at so many bytes a second. */
  | { readonly kind: "slow-request"; readonly rate: number }
  /** Nothing comes back, ever. */
  | { readonly kind: "hang" }
  /** Headers of the answer are set to these. */
  | { readonly kind: "headers"; readonly headers: Record<string, string> };

/** A request that has passed, or was to. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** ms, of performance.now(). */
  readonly at: number;
  /** Bytes of body that were sent back. */
  sent: number;
  /** Whether its answer has been sent, or its connection has ended. */
  ended: boolean;
}

/** Chooses what happens to a request; undefined: it passes. */
export type Choose = (method: string, url: string, headers: IncomingMessage["headers"]) => Fault | undefined;

/** A proxy that runs. */
export interface FaultyProxy {
  /** `127.0.0.1:<port>`; by https `0.0.0.0:<port>`. */
  readonly host: string;
  readonly seen: Seen[];
  /** How often somebody has connected. */
  readonly connections: number;
  /** Chooses what happens to each request; undefined: it passes. Replaces what was chosen before. */
  inject(choose: Choose): void;
  /** Resolves when nobody is connected: whoever was has ended. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

/** Does the fault to the first `times` requests that match. */
export function first(times: number, matches: (method: string, url: string) => boolean, fault: Fault) {
  let left = times;
  return (method: string, url: string): Fault | undefined =>
    left > 0 && matches(method, url) && left-- > 0 ? fault : undefined;
}

/**
 * Does the fault to the first `times` attempts of each request. `name` tells which request an attempt belongs to; undefined: it passes.
 * A client that gives up after so many failures of one request then meets the same number of them whatever it does at the same time.
 */
export function firstOfEach(
  times: number,
  name: (...request: Parameters<Choose>) => string | undefined,
  fault: Fault,
): Choose {
  const done = new Map<string, number>();
  return (...request) => {
    const named = name(...request);
    const count = named === undefined ? times : (done.get(named) ?? 0);
    if (named === undefined || count >= times) return undefined;
    done.set(named, count + 1);
    return fault;
  };
}

/** How a proxy listens. */
export interface ProxyOptions {
  /** Default: one that the system gives. */
  readonly port?: number;
  /**
   * Speaks https with this certificate, on any address of this machine: `host` is then `0.0.0.0:<port>`, since no registry on a loopback
   * address is asked by https.
   */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Starts a proxy to `host:port`. The `Host` header passes unchanged, so that URLs in answers lead here. */
export async function startFaultyProxy(target: string, options: ProxyOptions = {}): Promise<FaultyProxy> {
  const [hostname, port] = target.split(":") as [string, string];
  let choose: Choose = () => undefined;
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const listener: RequestListener = (incoming, outgoing) => {
    const { method = "GET", url = "/" } = incoming;
    const entry: Seen = { method, url, headers: incoming.headers, at: performance.now(), sent: 0, ended: false };
    seen.push(entry);
    outgoing.once("close", () => {
      entry.ended = true;
    });
    pass(incoming, outgoing, { hostname, port: Number(port) }, choose(method, url, incoming.headers), entry);
  };
  const server: Server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  let connections = 0;
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.requestTimeout = 0;
  const address = options.tls ? "0.0.0.0" : "127.0.0.1";
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, address, resolve));
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  afterFile(close);
  return {
    host: `${address}:${(server.address() as AddressInfo).port}`,
    seen,
    get connections() {
      return connections;
    },
    inject(next) {
      choose = next;
    },
    async quiet() {
      while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    close,
  };
}

function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  to: { hostname: string; port: number },
  fault: Fault | undefined,
  entry: Seen,
): void {
  if (fault?.kind === "hang") {
    incoming.resume();
    return;
  }
  if (fault?.kind === "cut-request" && fault.after === 0) {
    incoming.socket.destroy();
    return;
  }
  if (fault?.kind === "answer") {
    incoming.resume();
    incoming.once("end", () => {
      outgoing.writeHead(fault.status, fault.headers);
      outgoing.end(fault.body ?? "");
    });
    return;
  }
  const upstream = request({
    ...to,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
    agent: false,
  });
  outgoing.on("close", () => upstream.destroy());
  if (fault?.kind === "cut-request") {
    let left = fault.after;
    let isCut = false;
    upstream.on("error", () => isCut || outgoing.destroy());
    const cut = async (): Promise<void> => {
      isCut = true;
      upstream.destroy();
      await fault.settled?.(incoming.url ?? "/");
      incoming.socket.destroy();
    };
    incoming.on("data", (chunk: Buffer) => {
      if (left === 0) return;
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      const isLast = left === 0;
      upstream.write(piece, () => void (isLast && cut()));
    });
    incoming.on("end", () => left > 0 && upstream.end()); // it was shorter
    upstream.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    return;
  }
  upstream.on("error", () => outgoing.destroy());
  upstream.on("response", (answer) => {
    if (fault?.kind === "cut-answer" && fault.after === 0) {
      answer.resume();
      answer.once("end", () => incoming.socket.destroy());
      return;
    }
    const headers = { ...answer.headers, ...(fault?.kind === "headers" ? fault.headers : {}) };
    // A server that is configured with its address, and not asked by the Host header, names itself.
    const { location, host } = { location: headers.location, host: incoming.headers.host };
    if (location !== undefined) headers.location = location.replace(`//${to.hostname}:${to.port}/`, `//${host}/`);
    if (fault?.kind === "shorten") delete headers["content-length"];
    outgoing.writeHead(answer.statusCode ?? 502, headers);
    void relay(answer, outgoing, fault, entry).catch(() => outgoing.destroy());
  });
  if (fault?.kind === "slow-request") void drip(incoming, upstream, fault.rate).catch(() => upstream.destroy());
  else incoming.pipe(upstream);
}

async function drip(incoming: IncomingMessage, upstream: ClientRequest, rate: number): Promise<void> {
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    if (!upstream.write(chunk)) await new Promise((resolve) => upstream.once("drain", resolve));
    await new Promise((resolve) => setTimeout(resolve, (chunk.length / rate) * 1_000));
  }
  upstream.end();
}

async function relay(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | undefined,
  entry: Seen,
): Promise<void> {
  let at = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    for (const piece of pieces(chunk, fault)) {
      let bytes = piece;
      if (fault?.kind === "corrupt" && fault.at >= at && fault.at < at + piece.length) {
        bytes = Buffer.from(piece);
        bytes[fault.at - at]! ^= 1;
      }
      if (fault?.kind === "cut-answer" && at + piece.length > fault.after) {
        bytes = piece.subarray(0, fault.after - at);
        entry.sent += bytes.length;
        outgoing.write(bytes, () => outgoing.destroy());
        answer.destroy();
        return;
      }
      if (fault?.kind === "shorten" && at + piece.length > fault.to) {
        outgoing.end(piece.subarray(0, fault.to - at));
        answer.destroy();
        return;
      }
      at += piece.length;
      entry.sent += bytes.length;
      if (!outgoing.write(bytes)) await new Promise((resolve) => outgoing.once("drain", resolve));
      if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.every));
    }
  }
  outgoing.end();
}

function* pieces(chunk: Buffer, fault: Fault | undefined): Generator<Buffer> {
  const size = fault?.kind === "slow" ? fault.piece : chunk.length;
  for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
}
