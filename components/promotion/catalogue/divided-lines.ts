import type { ListingDocument } from "../../catalogue/formats.ts";
import { type LineKind, partKey } from "../../catalogue/layout.ts";
import { divideLines, fitsPart, joinParts, lengthOf, projectBits } from "../../catalogue/listing-parts.ts";

/**
 * The lines of all projects in parts (see ../../catalogue/listing-parts.ts). A change reads the parts that the project is in, and names those that it
 * has then. The others are neither read nor named anew.
 */
export class DividedLines {
  readonly #kind: LineKind;
  readonly #read: (key: string) => Promise<string>;
  /** Keys by the bits that the hashes of their lines begin with. */
  readonly #parts: Map<string, string>;
  /** Texts of parts that were read or made, by key. */
  readonly #texts = new Map<string, Promise<string>>();

  /** @param read reads a part's text. */
  constructor(kind: LineKind, parts: ListingDocument[LineKind], read: (key: string) => Promise<string>) {
    this.#kind = kind;
    this.#read = read;
    this.#parts = new Map(parts.map(({ bits, part }) => [bits, part]));
  }

  /** The parts, as the document names them. */
  get parts(): ListingDocument[LineKind] {
    return [...this.#parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([bits, part]) => ({ bits, part }));
  }

  /** The text of a part. */
  textOf(key: string): Promise<string> {
    const text = this.#texts.get(key) ?? this.#read(key);
    this.#texts.set(key, text);
    text.catch(() => this.#texts.delete(key));
    return text;
  }

  /**
   * Replaces one project's lines; removes them if `lines` is empty.
   * @param folderOf the folder that all files of a project are in.
   * @returns the lines that the project had before.
   */
  async replace(project: string, lines: string, folderOf: (project: string) => string): Promise<string> {
    const own = projectBits(project);
    const inside = [...this.#parts.keys()].filter((bits) => own.startsWith(bits) || bits.startsWith(own));
    const blocks = await this.#blocksOf(inside);
    const before = blocks.get(project) ?? "";
    if (lines === before) return before;
    blocks.set(project, lines);
    const bits = this.#bitsFor(own, inside);
    // Only what became less may fit into one part with what is beside it.
    const joined = lines.length < before.length ? await this.#join(bits, blocks) : { bits, absorbed: [] };
    for (const gone of [...inside, ...joined.absorbed]) {
      this.#texts.delete(this.#parts.get(gone)!);
      this.#parts.delete(gone);
    }
    for (const [at, text] of divideLines(joined.bits, blocks, folderOf)) {
      const key = partKey(this.#kind, text);
      this.#parts.set(at, key);
      this.#texts.set(key, Promise.resolve(text));
    }
    return before;
  }

  /** The bits of the part to divide anew: the one that has the project, all that only the project has, or the first that nothing has yet. */
  #bitsFor(own: string, inside: readonly string[]): string {
    const shared = inside.find((bits) => own.startsWith(bits));
    if (shared !== undefined) return shared;
    if (inside.length > 0) return own;
    const all = [...this.#parts.keys()];
    let bits = "";
    while (all.some((one) => one.startsWith(bits))) bits = own.slice(0, bits.length + 1);
    return bits;
  }

  /** Adds the lines beside what has become less, as long as both are one part. */
  async #join(from: string, blocks: Map<string, string>): Promise<{ bits: string; absorbed: string[] }> {
    const absorbed: string[] = [];
    let bits = from;
    while (bits !== "") {
      const sibling = bits.slice(0, -1) + (bits.endsWith("0") ? "1" : "0");
      const beside = [...this.#parts.keys()].filter((one) => one.startsWith(sibling));
      if (!fitsPart(lengthOf(blocks)) || beside.some((one) => one !== sibling)) break; // what is divided does not fit
      const others = await this.#blocksOf(beside);
      if (!fitsPart(lengthOf(blocks) + lengthOf(others))) break;
      for (const [project, text] of others) blocks.set(project, (blocks.get(project) ?? "") + text);
      absorbed.push(...beside);
      bits = bits.slice(0, -1);
    }
    return { bits, absorbed };
  }

  async #blocksOf(all: readonly string[]): Promise<Map<string, string>> {
    const keys = [...all].sort().map((bits) => this.#parts.get(bits)!);
    return joinParts(await Promise.all(keys.map((key) => this.textOf(key))));
  }
}
