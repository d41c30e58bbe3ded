/**
 * Whether the engine waits for ever. With `--continue-on-error` it (3.232) goes on after a failed step, but of a resource that is deleted before it is made anew,
 * a failed deletion leaves the rest of the replacement undone and the program's registration unanswered: the run never ends (pulumi/pulumi#16373;
 * stepExecutor.executeChain returns at the first failure, and Fail() of a DeleteStep answers nobody). The same happens to an import that is skipped.
 */

/** A step that failed. */
export interface FailedStep {
  /** What the engine did: `create`, `delete-replaced`, ... */
  readonly operation: string;
  readonly urn: string;
}

/**
 * The head of an event of a step, as `--event-log` has it (sdk/go/common/apitype/events.go). Components are no steps of a provider: their event comes when
 * their registration ends, which waits for the same resource.
 */
const stepEvent =
  /^\{"sequence":\d+,"timestamp":\d+,"(resourcePreEvent|resOutputsEvent|resOpFailedEvent)":\{"metadata":\{"op":"([a-z-]+)","urn":"([^"]+)","type":"[^"]*",(?:"old":null,"new"|"old"):\{"type":"[^"]*","urn":"[^"]*","custom":true/;

/** The steps of one run: which are in flight, which failed, and when anything happened last. */
export class EngineProgress {
  readonly #inFlight = new Map<string, number>();
  readonly #failed: FailedStep[] = [];
  #last: number;

  /** @param now milliseconds of any clock that does not go back, as in the other calls. */
  constructor(now: number) {
    this.#last = now;
  }

  /** Takes an event: a line of the event log, or its first 4 KiB. */
  take(line: string, now: number): void {
    this.#last = now;
    const [, event, operation = "", urn = ""] = stepEvent.exec(line) ?? [];
    if (event === undefined) return;
    // Of a refresh, the operation at the end is what it found; so the resource alone tells which step has ended.
    const steps = (this.#inFlight.get(urn) ?? 0) + (event === "resourcePreEvent" ? 1 : -1);
    if (steps > 0) this.#inFlight.set(urn, steps);
    else this.#inFlight.delete(urn);
    if (event === "resOpFailedEvent") this.#failed.push({ operation, urn });
  }

  /**
   * What failed, if the run waits for ever: a step has failed, none is in flight, and nothing has happened for `quiet` milliseconds. Those deletions that
   * the engine waits for come alone, if there are any. Undefined while the run goes on.
   */
  stalledBy(now: number, quiet: number): readonly FailedStep[] | undefined {
    if (this.#failed.length === 0 || this.#inFlight.size > 0 || now - this.#last < quiet) return undefined;
    const deletions = this.#failed.filter(({ operation }) => operation === "delete-replaced");
    return deletions.length > 0 ? deletions : this.#failed;
  }
}
