import type { CloudRefusal } from "./references.ts";

/** Refusals of the control plane, on demand: an outage of a region, a name that somebody else has taken, an exceeded quota. */
export interface ControlFault {
  /** Pattern of the resource's type, e.g. `^gcp:storage/`. */
  readonly type: string;
  /** Pattern of its id or, for a new one, of the id that it is to have. */
  readonly id: string;
  /** Default: all. */
  readonly operations?: readonly ("create" | "read" | "update" | "delete")[];
  /** HTTP status, e.g. 503. */
  readonly status: number;
  /** In the cloud's words. */
  readonly message: string;
}

/** The faults that are set. None at the start. */
export class Faults {
  #faults: readonly ControlFault[] = [];

  /** Replaces all faults. Throws if a pattern is none. */
  set(faults: readonly ControlFault[]): void {
    for (const { type, id } of faults) for (const pattern of [type, id]) new RegExp(pattern);
    this.#faults = faults;
  }

  /** The refusal of an operation; undefined: it goes on. */
  refusal(operation: "create" | "read" | "update" | "delete", type: string, id: string): CloudRefusal | undefined {
    const fault = this.#faults.find(
      (one) =>
        (one.operations ?? [operation]).includes(operation) &&
        new RegExp(one.type).test(type) &&
        new RegExp(one.id).test(id),
    );
    return fault && { status: fault.status, message: fault.message };
  }
}
