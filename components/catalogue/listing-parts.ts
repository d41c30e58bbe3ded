import { bitsOfHash, hashBits } from "./hash-bits.ts";

/**
 * How lines are divided into parts, so that a change of a project writes the part that the project is in, and a large project has parts of its own.
 *
 * Each line has a hash of 96 bits: 32 of its project, 32 of its group (an image, or the first folder of files, which usually is a release), 32 of
 * its name. A part has all lines whose hash begins with some bits. Where these are too long for a part, one more bit divides them. So small
 * projects share parts, a release is in one part or few, and the same lines are in the same parts whatever was there before.
 */

/** Characters of the longest part: about 200 kB when compressed. A part with one name may be longer. */
const longestPart = 512 * 1024;

/** Parts by the bits that the hashes of their lines begin with. */
export type PartsByBits = ReadonlyMap<string, string>;

/** Lines of some projects: each project's lines as one text. */
export type Blocks = ReadonlyMap<string, string>;

/** The bits that the hashes of a project's lines begin with. */
export function projectBits(project: string): string {
  return hashBits(project);
}

/**
 * Divides the lines of projects whose hashes begin with `bits` into parts. Lines of a part are sorted by project, and within a project as they were.
 * @param folderOf the folder that all files of a project are in, ending with a slash.
 */
export function divideLines(bits: string, blocks: Blocks, folderOf: (project: string) => string): PartsByBits {
  return new Map(divide(bits, unitsOf(blocks), folderOf));
}

/** The lines whose hash begins with `bits`, in the order in which {@link divideLines} has them in a part. */
export function linesWithin(bits: string, blocks: Blocks, folderOf: (project: string) => string): string {
  const isWithin = (unit: Unit): boolean => areAlike(unit.bits, bits);
  let units = unitsOf(blocks).filter(isWithin);
  for (const length of [bitsOfHash, 2 * bitsOfHash])
    if (bits.length > length) units = units.flatMap((unit) => divideUnit(unit, length, folderOf)).filter(isWithin);
  return units.map(({ text }) => text).join("");
}

/** Whether one begins with the other: whether a part may have lines of what has these bits. */
export function areAlike(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}

function unitsOf(blocks: Blocks): Unit[] {
  return [...blocks]
    .filter(([, text]) => text !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([project, text]): Unit => ({ bits: projectBits(project), text, project }));
}

/** Joins the lines of parts, by project. */
export function joinParts(texts: Iterable<string>): Map<string, string> {
  const blocks = new Map<string, string>();
  for (const text of texts) {
    for (let start = 0; start < text.length; ) {
      const project = fieldAt(text, start, 1);
      let end = start;
      do end = endOf(text, end);
      while (end < text.length && fieldAt(text, end, 1) === project);
      blocks.set(project, (blocks.get(project) ?? "") + text.slice(start, end));
      start = end;
    }
  }
  return blocks;
}

/** Characters of all blocks. */
export function lengthOf(blocks: Blocks): number {
  return [...blocks.values()].reduce((sum, text) => sum + text.length, 0);
}

/** Whether lines of so many characters are one part. */
export function fitsPart(length: number): boolean {
  return length <= longestPart;
}

/** Lines that are divided together until a part has no others: of a project, of a group, or of a name. */
interface Unit {
  readonly bits: string;
  readonly text: string;
  readonly project: string;
}

function* divide(
  bits: string,
  units: readonly Unit[],
  folderOf: (project: string) => string,
): Generator<[bits: string, text: string]> {
  if (units.length === 0) return;
  if (bits.length === 3 * bitsOfHash || fitsPart(units.reduce((sum, { text }) => sum + text.length, 0))) {
    yield [bits, units.map(({ text }) => text).join("")];
    return;
  }
  const smaller = bits.length > 0 && bits.length % bitsOfHash === 0;
  const here = smaller ? units.flatMap((unit) => divideUnit(unit, bits.length, folderOf)) : units;
  for (const bit of ["0", "1"]) {
    const half = here.filter((unit) => unit.bits[bits.length] === bit);
    yield* divide(bits + bit, half, folderOf);
  }
}

/** Divides the lines of a project by group, and those of a group by name. */
function divideUnit({ bits, text, project }: Unit, length: number, folderOf: (project: string) => string): Unit[] {
  const folder = length === bitsOfHash ? folderOf(project) : "";
  const lines = new Map<string, string[]>();
  for (let start = 0; start < text.length; ) {
    const end = endOf(text, start);
    const line = text.slice(start, end);
    const name = length === bitsOfHash ? groupOf(line, folder) : nameOf(line);
    const own = lines.get(name) ?? [];
    lines.set(name, own);
    own.push(line);
    start = end;
  }
  return [...lines].map(([name, own]) => ({ bits: bits + hashBits(name), text: own.join(""), project }));
}

/** The image, or the first folder of a file. */
function groupOf(line: string, folder: string): string {
  const [kind, name] = [fieldAt(line, 0, 0), fieldAt(line, 0, 2)];
  if (kind !== "file") return name;
  const path = name.startsWith(folder) ? name.slice(folder.length) : name;
  return path.slice(0, Math.max(0, path.indexOf("/")));
}

/** What differs in each line of a group: the path of a file, the digest of an image. */
function nameOf(line: string): string {
  return fieldAt(line, 0, fieldAt(line, 0, 0) === "file" ? 2 : 3);
}

/** A field of the line that begins at `start`. */
function fieldAt(text: string, start: number, index: number): string {
  let from = start;
  for (let passed = 0; passed < index; passed++) from = text.indexOf("\t", from) + 1;
  const end = /[\t\n]/g;
  end.lastIndex = from;
  return text.slice(from, end.exec(text)?.index ?? text.length);
}

/** Where the line after the one that begins at `start` begins. */
function endOf(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end + 1;
}
