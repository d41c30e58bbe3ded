import { readFileSync } from "node:fs";
import { JsonFile } from "./json-file.ts";
import type { Allocation } from "./ports.ts";

/** The settings of a resource or of a provider: JSON values. */
export type Values = Record<string, unknown>;

/** One emulated resource. */
export interface Resource {
  /** Pulumi's type token, e.g. `gcp:storage/bucket:Bucket`. */
  readonly type: string;
  /** The cloud's own id, unique within the type. */
  readonly id: string;
  /** The inputs of the request. */
  readonly inputs: Values;
  /** Outputs that the cloud added: addresses, numbers, times. */
  readonly computed: Values;
  /** The settings of the provider that created it (project, region). */
  readonly config: Values;
}

/** All resources of the emulated cloud, stored in one JSON file. */
export class CloudInventory {
  readonly #file: JsonFile;
  readonly #resources: Map<string, Resource>;
  /** Purpose -> port, see {@link Ports}. */
  readonly allocation: Allocation;

  constructor(file: string, resources: readonly Resource[], allocation: Allocation) {
    this.#file = new JsonFile(file, () => ({ resources: this.list(), ports: this.allocation }));
    this.#resources = new Map(resources.map((resource) => [key(resource.type, resource.id), resource]));
    this.allocation = allocation;
  }

  /** Reads the file, or starts empty if there is none. Throws if it is damaged. */
  static open(file: string): CloudInventory {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new CloudInventory(file, [], {});
      throw error;
    }
    try {
      const stored = JSON.parse(text) as { resources: Resource[]; ports: Allocation };
      return new CloudInventory(file, stored.resources, stored.ports);
    } catch (error) {
      throw new Error(
        `${file} is damaged (${(error as Error).message}): run \`npm run clean\` to start with an empty cloud.`,
      );
    }
  }

  find(type: string, id: string): Resource | undefined {
    return this.#resources.get(key(type, id));
  }

  /** All resources of a type, or all resources. */
  list(type?: string): Resource[] {
    const all = [...this.#resources.values()];
    return type === undefined ? all : all.filter((resource) => resource.type === type);
  }

  /** Adds or replaces a resource at once; resolves when it is on disk. */
  async put(resource: Resource): Promise<void> {
    this.#resources.set(key(resource.type, resource.id), resource);
    await this.save();
  }

  /** Removes a resource at once; resolves when the change is on disk. */
  async remove(type: string, id: string): Promise<void> {
    if (this.#resources.delete(key(type, id))) await this.save();
  }

  /** Writes the file, including the ports, which change in place. */
  save(): Promise<void> {
    return this.#file.save();
  }
}

function key(type: string, id: string): string {
  return `${type} ${id}`;
}
