import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { ChunkedBody } from "./chunked.ts";
import { WrongContentError } from "./errors.ts";
import { type Headers, ProtocolError, type ResponseHead, readResponseHead } from "./response-head.ts";

/** One request. */
export interface Request {
  /** `https://<host>[:<port>]` or `http://...` */
  readonly origin: string;
  /** With query. */
  readonly path: string;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** ms until the answer has to begin once the request has been sent. */
  readonly patience: number;
}

/** How an answer is taken. */
export interface Taking {
  /** Largest body that is taken, in bytes. */
  readonly limit: number;
  /** Memory that the body of an answer 200 is put into, at least `limit` bytes. */
  readonly into?: Buffer | undefined;
  /** What the request does, for the message of a failure. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** An answer, whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** How connections behave. */
export interface ConnectionRules {
  /** ms until a connection must stand. */
  readonly connectTimeout: number;
  /** ms without a byte in either direction after which a request is given up. */
  readonly stallTimeout: number;
}

/** A connection that was used before had ended when the next request came: it was not answered, and may go over another one. */
export class StaleConnectionError extends Error {
  readonly code = "HTTP_STALE";

  constructor(cause: unknown) {
    super("the server has ended the connection", { cause });
    this.name = "StaleConnectionError";
  }
}

/** The system's errors have codes; so have those that only we see. */
class ConnectionError extends Error {
  readonly code: "CONNECT_TIMEOUT" | "HTTP_TIMEOUT" | "HTTP_ENDED";

  constructor(code: ConnectionError["code"], message: string) {
    super(message);
    this.name = "ConnectionError";
    this.code = code;
  }
}

const longestHead = 32 * 1024;
/** The body of a refusal, which may say why, and that of a redirect, which is longer than many a blob, are taken up to this size at most. */
const longestAside = 64 * 1024;

/**
 * What all connections receive heads and small bodies into. One memory for all: what has come is read before the system is asked for more,
 * of any connection. By itself Node takes 64 KiB of fresh memory for each answer of 300 bytes, and has it collected afterwards.
 */
const received = Buffer.allocUnsafeSlow(128 * 1024);
const nothing = Buffer.alloc(0);

/**
 * A request's body goes into TLS in pieces of so many bytes: of one write Node sees no progress there until all of it has gone, so that
 * over a slow line, which many share, a whole layer would be taken for one that stands still.
 */
const tlsPiece = 256 * 1024;

/** A TLS session to go on with, by origin. */
export type TlsSessions = Map<string, Buffer>;

interface Task {
  readonly request: Request;
  readonly taking: Taking;
  readonly resolve: (answer: WholeAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One HTTP/1.1 connection (RFC 9112), for one request after the other; answers are taken whole. Beside undici, which carries what comes piece by
 * piece, because a promotion's time is spent here: thousands of small answers, and megabytes that are read straight to where they are needed
 * (bench -- connections).
 */
export class Connection {
  readonly #socket: Socket;
  readonly #stall: number;
  readonly #host: string;
  readonly #piece: number;
  readonly #onIdle: (connection: Connection) => void;
  readonly #onGone: (connection: Connection) => void;
  #served = 0;
  #isGone = false;
  #task: Task | undefined;
  /** A part of the request's body has not gone yet. */
  #isSending = false;
  /** The beginning of a head that has not ended yet. */
  #partial: Buffer = nothing;
  #head: ResponseHead | undefined;
  /** Where the body goes when its length is known: up to `#at` it has come. */
  #body: Buffer = nothing;
  #at = 0;
  /** The body when its length is not known. */
  #pieces: Buffer[] = [];
  #chunked: ChunkedBody | undefined;
  #limit = 0;

  /**
   * @param onIdle told when the connection can take the next request.
   * @param onGone told when it will never again.
   */
  constructor(
    origin: string,
    rules: ConnectionRules,
    sessions: TlsSessions,
    onIdle: (connection: Connection) => void,
    onGone: (connection: Connection) => void,
  ) {
    const url = new URL(origin);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const isSecure = url.protocol === "https:";
    const options = {
      host,
      port: Number(url.port) || (isSecure ? 443 : 80),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      onread: { buffer: () => this.#room(), callback: (bytes: number) => this.#receive(bytes) },
    };
    this.#host = url.host;
    this.#piece = isSecure ? tlsPiece : Number.POSITIVE_INFINITY;
    this.#stall = rules.stallTimeout;
    this.#onIdle = onIdle;
    this.#onGone = onGone;
    if (isSecure) {
      const session = sessions.get(origin);
      this.#socket = connectTls({
        ...options,
        ALPNProtocols: ["http/1.1"],
        ...(isIP(host) === 0 && { servername: host }),
        ...(session && { session }),
      });
      this.#socket.on("session", (fresh: Buffer) => sessions.set(origin, fresh));
    } else {
      this.#socket = connectTcp(options);
    }
    const late = setTimeout(
      () => this.#end(new ConnectionError("CONNECT_TIMEOUT", `no connection after ${rules.connectTimeout} ms`)),
      rules.connectTimeout,
    );
    this.#socket.once(isSecure ? "secureConnect" : "connect", () => clearTimeout(late));
    this.#socket.once("close", () => {
      clearTimeout(late);
      this.#end(new ConnectionError("HTTP_ENDED", "the server has ended the connection"));
    });
    this.#socket.on("end", () => this.#endOfBytes());
    this.#socket.on("error", (error) => this.#end(error));
    this.#socket.on("timeout", () =>
      this.#end(new ConnectionError("HTTP_TIMEOUT", `nothing has come or gone for ${this.#socket.timeout} ms`)),
    );
  }

  /**
   * Sends a request, when none is under way.
   * @throws StaleConnectionError, ProtocolError, WrongContentError for a body beyond the limit, the system's errors.
   */
  send(request: Request, taking: Taking): Promise<WholeAnswer> {
    const head = this.#requestHead(request);
    return new Promise((resolve, reject) => {
      this.#task = { request, taking, resolve, reject };
      this.#limit = taking.limit;
      this.#wait(request.body ? this.#stall : request.patience);
      if (this.#served > 0) this.#socket.ref();
      if (!request.body) {
        this.#socket.write(head, "latin1");
        return;
      }
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      this.#isSending = true;
      this.#sendBody(request, request.body);
      this.#socket.uncork();
    });
  }

  #sendBody(request: Request, left: Buffer): void {
    const after = left.subarray(this.#piece);
    this.#socket.write(left.subarray(0, this.#piece), () => {
      if (this.#task?.request !== request) return;
      if (after.length > 0) return this.#sendBody(request, after);
      this.#isSending = false;
      if (!this.#head) this.#wait(request.patience);
    });
  }

  /** Ends the connection, and the request that is under way with an error. */
  destroy(error: unknown): void {
    this.#end(error);
  }

  #requestHead({ method, path, headers, body }: Request): string {
    if (!/^\/[\x21-\x7e]*$/.test(path)) throw new TypeError(`not a path: ${JSON.stringify(path)}`);
    let head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n`;
    for (const name in headers) {
      const value = headers[name]!;
      if (!/^[\x20-\x7e]*$/.test(value)) throw new TypeError(`not a value of the header ${name}`);
      head += `${name}: ${value}\r\n`;
    }
    if (body || method[0] === "P") head += `content-length: ${body?.length ?? 0}\r\n`;
    return `${head}\r\n`;
  }

  /** Gives up what stands still for so long. */
  #wait(milliseconds: number): void {
    if (this.#socket.timeout !== milliseconds) this.#socket.setTimeout(milliseconds);
  }

  /** Memory for what comes next: the rest of a body at its place, all else where it is looked at first. */
  #room(): Uint8Array {
    return this.#at < this.#body.length ? this.#body.subarray(this.#at) : received;
  }

  #receive(count: number): boolean {
    if (this.#at < this.#body.length) {
      this.#at += count;
      if (this.#at === this.#body.length) this.#finish();
      return true;
    }
    try {
      this.#take(received.subarray(0, count));
    } catch (error) {
      // Of a refusal or a redirect that says too much, the head is what counts.
      if (error instanceof WrongContentError && this.#head!.status >= 300) this.#finish(true);
      else this.#end(error);
    }
    return true;
  }

  #take(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (!this.#task) throw new ProtocolError("more has come than was asked for");
      if (!this.#head) {
        rest = this.#takeHead(rest, this.#task);
      } else if (this.#chunked) {
        rest = rest.subarray(this.#chunked.feed(rest, (content) => this.#keep(content)));
        if (this.#chunked.ended) this.#finish();
      } else {
        this.#keep(rest);
        return;
      }
    }
  }

  /** @returns what is still to be looked at: nothing, when all of it was the body's and is at its place. */
  #takeHead(bytes: Buffer, { request, taking }: Task): Buffer {
    const all = this.#partial.length > 0 ? Buffer.concat([this.#partial, bytes]) : bytes;
    const end = all.indexOf("\r\n\r\n");
    if ((end < 0 ? all.length : end) > longestHead) throw new ProtocolError("its head is too long");
    if (end < 0) {
      this.#partial = Buffer.from(all);
      return nothing;
    }
    this.#partial = nothing;
    let rest = all.subarray(end + 4);
    const text = all.toString("latin1", 0, end);
    const head = readResponseHead(text, request.method);
    if (head.status === 101) throw new ProtocolError("it changes the protocol");
    if (head.status < 200) return rest; // the answer is still to come
    this.#head = head;
    this.#wait(this.#stall);
    if (head.status >= 300) this.#limit = longestAside;
    const { framing } = head;
    if (framing.kind === "length") {
      if (framing.bytes > this.#limit) this.#tooLarge();
      const into = head.status === 200 ? taking.into : undefined;
      this.#body = into ? into.subarray(0, framing.bytes) : Buffer.allocUnsafe(framing.bytes);
      this.#at = rest.copy(this.#body);
      rest = rest.subarray(this.#at);
      if (this.#at === framing.bytes) this.#finish();
    } else if (framing.kind === "chunked") {
      this.#chunked = new ChunkedBody();
    }
    return rest;
  }

  /** Keeps a piece of a body whose length was not known. */
  #keep(piece: Buffer): void {
    if (this.#at + piece.length > this.#limit) this.#tooLarge();
    this.#at += piece.length;
    this.#pieces.push(Buffer.from(piece));
  }

  #tooLarge(): never {
    throw new WrongContentError(`${this.#task!.taking.what}: the answer is larger than ${this.#limit} bytes`);
  }

  /** The answer is whole, or cut off. */
  #finish(isCut = false): void {
    const { resolve } = this.#task!;
    const { status, headers, isLast, framing } = this.#head!;
    const body = framing.kind === "length" ? this.#body : Buffer.concat(this.#pieces, this.#at);
    this.#task = undefined;
    this.#head = undefined;
    this.#chunked = undefined;
    this.#body = nothing;
    this.#pieces = [];
    this.#at = 0;
    resolve({ status, headers, body });
    this.#served++;
    // An answer that comes before the request is sent is a refusal of the rest.
    if (isLast || framing.kind === "close" || this.#isSending || isCut) {
      this.#end(undefined);
    } else {
      this.#socket.unref(); // nobody waits for it
      this.#onIdle(this);
    }
  }

  /** The server sends nothing more. */
  #endOfBytes(): void {
    if (this.#head?.framing.kind === "close") this.#finish();
    else this.#end(new ConnectionError("HTTP_ENDED", "the server has ended the connection"));
  }

  #end(error: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket.destroy();
    const task = this.#task;
    this.#task = undefined;
    // With a first byte of the answer on its way this was no connection that had ended before.
    const isUnanswered = this.#served > 0 && !this.#head && this.#partial.length === 0;
    const isEnded = error instanceof Error && "code" in error && goneCodes.has(String(error.code));
    task?.reject(isUnanswered && isEnded ? new StaleConnectionError(error) : error);
    this.#onGone(this);
  }
}

/** How it shows that a server has closed a connection that nothing was going on in. */
const goneCodes = new Set(["HTTP_ENDED", "ECONNRESET", "EPIPE"]);
