import type { Delays } from "../delays.ts";
import type { CloudInventory, Resource, Values } from "../inventory.ts";
import type { Ports } from "../ports.ts";
import type { Processes } from "../processes.ts";
import type { Servers } from "../servers.ts";

/** The parts of the cloud that a behaviour may use. */
export interface CloudParts {
  /** Directory of the cloud's persistent files. */
  readonly dir: string;
  readonly inventory: CloudInventory;
  readonly delays: Delays;
  readonly ports: Ports;
  readonly processes: Processes;
  readonly servers: Servers;
}

/**
 * The data plane of one type of resource. The inventory alone covers types without one. If a method throws, the operation fails with its
 * message, which should be the real cloud's.
 */
export interface Behaviour {
  /** Creates the resource. Returns the outputs that only the cloud knows. */
  create?(resource: Resource): Promise<Values>;
  /** Changes the resource. Returns the outputs that change. */
  update?(resource: Resource, before: Resource): Promise<Values>;
  /** Deletes the resource. Throws if the real cloud would refuse. */
  delete?(resource: Resource): Promise<void>;
  /** Restores the parts that do not survive a restart of the cloud. */
  resume?(resource: Resource): Promise<void>;
}

/** The resource's present state forbids the operation: the control API answers 409. */
export class ConflictError extends Error {}
