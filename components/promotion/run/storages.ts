import type { StorageSettings } from "./request.ts";

/** The object stores, by their endpoints: requests with equal endpoints share clients, connections and credentials. */
export class Storages<Storage extends { close(): Promise<void> }> {
  readonly #open: (settings: StorageSettings) => Storage;
  readonly #known = new Map<string, Storage>();

  constructor(open: (settings: StorageSettings) => Storage) {
    this.#open = open;
  }

  /** The stores at these endpoints, opened on first use. */
  at(settings: StorageSettings): Storage {
    const { gcsEndpoint, s3Endpoint, s3UsePathStyle, purges } = settings;
    const key = JSON.stringify([gcsEndpoint, s3Endpoint, s3UsePathStyle, purges]);
    const storage = this.#known.get(key) ?? this.#open(settings);
    this.#known.set(key, storage);
    return storage;
  }

  async close(): Promise<void> {
    for (const storage of this.#known.values()) await storage.close();
  }
}
