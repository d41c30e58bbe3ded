import type { Repository } from "./repository.ts";
import type { Transport } from "./transport.ts";

/** A repository, with the means to ask it; what every operation of the distribution API here works on. */
export interface Remote {
  readonly transport: Transport;
  readonly repository: Repository;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}
