import type { ListingDocument } from "../../catalogue/formats.ts";
import { type LineKind, partKey } from "../../catalogue/layout.ts";
import { areAlike, divideLines, fitsPart, joinParts, lengthOf, projectBits } from "../../catalogue/listing-parts.ts";

/**
 * The lines of all projects in parts (see ../../catalogue/listing-parts.ts). A change reads the parts that the project is in, and names those that it
 * has then. The others are neither read nor named anew.
 */
export class DividedLines {
  readonly #kind: LineKind;
  readonly #read: (key: string) => Promise<string | undefined>;
  readonly #remake: (bits: string, lost: string) => Promise<string>;
  /** Keys by the bits that the hashes of their lines begin with. */
  readonly #parts: Map<string, string>;
  /** Texts of parts that were read or made, by key. */
  readonly #texts = new Map<string, Promise<string | undefined>>();

  /**
   * @param read reads a part's text; undefined: it is lost.
   * @param remake makes the lines anew of which the hashes begin with these bits; `lost` is the key of the part that had them.
   */
  constructor(
    kind: LineKind,
    parts: ListingDocument[LineKind],
    read: (key: string) => Promise<string | undefined>,
    remake: (bits: string, lost: string) => Promise<string>,
  ) {
    this.#kind = kind;
    this.#read = read;
    this.#remake = remake;
    this.#parts = new Map(parts.map(({ bits, part }) => [bits, part]));
  }

  /** The parts, as the document names them. */
  get parts(): ListingDocument[LineKind] {
    return [...this.#parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([bits, part]) => ({ bits, part }));
  }

  /** The text of a part. */
  async textOf(key: string): Promise<string> {
    const text = await this.#storedText(key);
    if (text === undefined) throw new Error(`${key} is lost`);
    return text;
  }

  /** Makes parts anew that are lost, before they are named. What cannot be read or made anew stays. @param isLacking whether a part has to be written. */
  async mend(isLacking: (part: string) => Promise<boolean>): Promise<void> {
    for (const [bits, part] of [...this.#parts])
      if (await isLacking(part)) await this.#textAt(bits).catch(() => undefined); // writing it reports the error
  }

  /**
   * Replaces one project's lines; removes them if `lines` is empty.
   * @param folderOf the folder that all files of a project are in.
   * @returns the lines that the project had before.
   */
  async replace(project: string, lines: string, folderOf: (project: string) => string): Promise<string> {
    const own = projectBits(project);
    const inside = [...this.#parts.keys()].filter((bits) => areAlike(bits, own));
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
    return joinParts(await Promise.all([...all].sort().map((bits) => this.#textAt(bits))));
  }

  /** The lines of a part. One that is lost is made anew, and may have other lines then: nothing of it is known but its bits. */
  async #textAt(bits: string): Promise<string> {
    const key = this.#parts.get(bits)!;
    const stored = await this.#storedText(key);
    if (stored !== undefined) return stored;
    const text = await this.#remake(bits, key);
    const remade = partKey(this.#kind, text);
    this.#texts.delete(key);
    if (text === "") this.#parts.delete(bits);
    else {
      this.#texts.set(remade, Promise.resolve(text));
      this.#parts.set(bits, remade);
    }
    return text;
  }

  #storedText(key: string): Promise<string | undefined> {
    const text = this.#texts.get(key) ?? this.#read(key);
    this.#texts.set(key, text);
    text.catch(() => this.#texts.delete(key));
    return text;
  }
}
