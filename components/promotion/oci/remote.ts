import type { Repository } from "./repository.ts";
import type { Transport } from "./transport.ts";

/** A repository and the transport to reach it; the argument of every operation of the distribution API. */
export interface Remote {
  readonly transport: Transport;
  readonly repository: Repository;
  /** Ends requests in progress. */
  readonly signal: AbortSignal;
}
