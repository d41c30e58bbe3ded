import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a value as JSON so that a reader, also after a crash, sees the old or the new file, never half of one. */
export function writeJson(file: string, value: unknown, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.part`;
  writeFileSync(part, JSON.stringify(value), { mode });
  renameSync(part, file);
}

/**
 * A JSON file that is written often: changes that come while it is being written go into the next write together.
 */
export class JsonFile {
  readonly #file: string;
  readonly #value: () => unknown;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** @param value what is to be written, asked for at each write. */
  constructor(file: string, value: () => unknown) {
    this.#file = file;
    this.#value = value;
  }

  /** Resolves when what the value is now is on disk. */
  save(): Promise<void> {
    this.#next ??= this.#after(this.#writing);
    return this.#next;
  }

  async #after(writing: Promise<void>): Promise<void> {
    await writing.catch(() => {}); // told to those who waited for it
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
