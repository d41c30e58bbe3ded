import type { Repository } from "./repository.ts";
import type { Call, RegistryStream, Response } from "./transport.ts";

/** What carries out calls of the distribution API: a registry's transport, or the objects of a bucket that is laid out as one. */
export interface RegistryClient {
  /** Carries out a call and reads the whole response. */
  call(call: Call): Promise<Response>;
  /** Like `call`, but streams the body. */
  stream(call: Call): Promise<RegistryStream>;
}

/** A repository and the client to reach it; the argument of every operation of the distribution API. */
export interface Remote {
  readonly transport: RegistryClient;
  readonly repository: Repository;
  /** Ends requests in progress. */
  readonly signal: AbortSignal;
}
