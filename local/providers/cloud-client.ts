import type { Resource } from "../cloud/inventory.ts";

/** An error response of the control API. `message` is the real cloud's. */
export class CloudError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The control API of the emulated cloud, see `local/cloud/control.ts`. Every method throws {@link CloudError}. */
export class CloudClient {
  readonly #address: string;

  /** @param address e.g. `http://127.0.0.1:5400` */
  constructor(address: string) {
    this.#address = address;
  }

  async create(resource: Resource, adopt: boolean): Promise<Resource> {
    return (await this.#call("POST", "", { ...resource, adopt })) as Resource;
  }

  async update(resource: Resource): Promise<Resource> {
    return (await this.#call("PUT", "", resource)) as Resource;
  }

  /** The resource; undefined if it does not exist. */
  async find(type: string, id: string): Promise<Resource | undefined> {
    try {
      return (await this.#call("GET", `?${new URLSearchParams({ type, id })}`)) as Resource;
    } catch (error) {
      if (error instanceof CloudError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** All resources of a type. */
  async list(type: string): Promise<readonly Resource[]> {
    return (await this.#call("GET", `?${new URLSearchParams({ type })}`)) as readonly Resource[];
  }

  async delete(type: string, id: string): Promise<void> {
    await this.#call("DELETE", `?${new URLSearchParams({ type, id })}`);
  }

  async #call(method: string, query: string, body?: unknown): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(`${this.#address}/v1/resources${query}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const cause = (error as Error).cause as Error | undefined;
      throw new CloudError(
        0,
        `The emulated cloud does not answer at ${this.#address} (${cause?.message ?? String(error)}): start it with \`npm start\`.`,
      );
    }
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return answer;
    throw new CloudError(
      response.status,
      (answer as { error?: string } | undefined)?.error ?? `HTTP ${response.status}`,
    );
  }
}
