import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a value as JSON atomically: a reader sees the old or the new file, also after a crash. */
export function writeJson(file: string, value: unknown, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.part`;
  writeFileSync(part, JSON.stringify(value), { mode });
  renameSync(part, file);
}

/**
 * A JSON file that is written often. Changes during a write are batched into the next one.
 */
export class JsonFile {
  readonly #file: string;
  readonly #value: () => unknown;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** @param value returns the value to write; called at each write. */
  constructor(file: string, value: () => unknown) {
    this.#file = file;
    this.#value = value;
  }

  /** Resolves when the present value is on disk. */
  save(): Promise<void> {
    this.#next ??= this.#after(this.#writing);
    return this.#next;
  }

  async #after(writing: Promise<void>): Promise<void> {
    await writing.catch(() => {}); // the callers that waited for it get the error
    this.#next = undefined;
    this.#writing = this.#write();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const part = `${this.#file}.part`;
    await writeFile(part, JSON.stringify(this.#value()));
    await rename(part, this.#file);
  }
}
