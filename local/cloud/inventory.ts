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
  /** Names of deleted resources that the cloud keeps for a time: they cannot be made again. */
  readonly #buried: Set<string>;
  /** Purpose -> port, see {@link Ports}. */
  readonly allocation: Allocation;

  constructor(file: string, resources: readonly Resource[], allocation: Allocation, buried: readonly string[] = []) {
    this.#file = new JsonFile(file, () => ({
      resources: this.list(),
      ports: this.allocation,
      buried: [...this.#buried],
    }));
    this.#buried = new Set(buried);
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
      const stored = JSON.parse(text) as { resources: Resource[]; ports: Allocation; buried?: string[] };
      return new CloudInventory(file, stored.resources, stored.ports, stored.buried);
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

  /** Removes a resource whose name the cloud does not give free. */
  async bury(type: string, id: string): Promise<void> {
    this.#buried.add(key(type, id));
    await this.remove(type, id);
  }

  /** Whether the cloud still keeps a deleted resource of this name. */
  isBuried(type: string, id: string): boolean {
    return this.#buried.has(key(type, id));
  }

  /** Writes the file, including the ports, which change in place. */
  save(): Promise<void> {
    return this.#file.save();
  }
}

function key(type: string, id: string): string {
  return `${type} ${id}`;
}
