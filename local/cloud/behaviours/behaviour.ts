import type { CloudInventory, Resource, Values } from "../inventory.ts";
import type { Ports } from "../ports.ts";
import type { Processes } from "../processes.ts";
import type { Servers } from "../servers.ts";

/** What a behaviour may use of the cloud. */
export interface CloudParts {
  /** The directory for files that live as long as the cloud's data. */
  readonly dir: string;
  readonly inventory: CloudInventory;
  readonly ports: Ports;
  readonly processes: Processes;
  readonly servers: Servers;
}

/**
 * What one type of resource does besides being in the inventory: its data plane. A method that throws makes the operation fail with that
 * message, which should be the cloud's own words.
 */
export interface Behaviour {
  /** Makes it real. Returns the outputs that only the cloud can know. */
  create?(resource: Resource): Promise<Values>;
  /** Changes it. Returns the outputs that change with it. */
  update?(resource: Resource, before: Resource): Promise<Values>;
  /** Takes it away; throws if the cloud would refuse. */
  delete?(resource: Resource): Promise<void>;
  /** Brings back what does not survive a restart of the cloud. */
  resume?(resource: Resource): Promise<void>;
}

/** Refused because of what is there: the control API answers 409. */
export class ConflictError extends Error {}
