import { EditError } from "./edit.ts";
import { addFile, removeFile } from "./edit-files.ts";
import { addDigest, removeDigest, removeTag } from "./edit-images.ts";
import { readFiles } from "./read-files.ts";
import { readImages } from "./read-images.ts";
import { Source } from "./source.ts";
import { parseYaml } from "./yaml/parse.ts";

/** From this many changes on a list is written anew: each edit reads it again. */
const mostEdits = 200;

/**
 * The text of a list that a repeated import writes: the existing one with what k8s.io has changed, so that its comments and order stay.
 * @param path below the folder of manifests, which says what the list is of.
 * @param existing undefined: there is none yet.
 * @param imported what the import makes of the checkout; undefined: the checkout has no such list any more.
 * @param before what it made of the checkout at an earlier commit. With it, only what has changed since then is changed, and what else the
 * existing text has stays; without it, the text means afterwards what the checkout says.
 * @returns undefined: there shall be no such list.
 */
export function updatedList(
  path: string,
  existing: string | undefined,
  imported: string | undefined,
  before?: { readonly text: string | undefined },
): string | undefined {
  if (existing === imported || (before !== undefined && before.text === imported)) return existing;
  if (existing === undefined || (before !== undefined && before.text === existing)) return imported;
  const isImages = /^[^/]+\/images(?:\.yaml|\/)/.test(path);
  const [there, wanted, was] = [existing, imported, before?.text].map((text) => meaningOf(text ?? "", isImages));
  if (there === undefined || wanted === undefined || was === undefined) return imported;
  const adds = [...wanted].filter((line) => !there.has(line) && !(before !== undefined && was.has(line)));
  const removes = [...(before === undefined ? there : was)].filter((line) => there.has(line) && !wanted.has(line));
  if (imported === undefined && removes.length === there.size) return undefined;
  if (adds.length + removes.length === 0) return existing;
  const meant = new Set([...[...there].filter((line) => !removes.includes(line)), ...adds]);
  try {
    if (adds.length + removes.length > mostEdits) throw new EditError("too many changes");
    const edited = isImages ? editImages(existing, removes, adds) : editFiles(existing, removes, adds);
    const now = meaningOf(edited, isImages);
    if (now !== undefined && now.size === meant.size && [...now].every((line) => meant.has(line))) return edited;
  } catch (error) {
    if (!(error instanceof EditError)) throw error;
  }
  // Written anew it would lose what only the existing text has.
  if (before !== undefined && [...there].some((line) => !was.has(line) && !wanted.has(line)))
    throw new EditError(`${path} cannot be edited as it stands: bring it into the form that the import writes`);
  return imported;
}

/** What a list means, as lines; undefined if it cannot be read. */
function meaningOf(text: string, isImages: boolean): Set<string> | undefined {
  const source = new Source("", text);
  const parsed = parseYaml(source.text);
  if (!parsed.ok) return undefined;
  if (!isImages)
    return new Set(readFiles(parsed.root, source, []).map(({ name, sha256 }) => `${name.text} ${sha256.text}`));
  return new Set(
    readImages(parsed.root, source, []).flatMap(({ name, digests }) =>
      digests.flatMap(({ digest, tags }) => [
        `${name.text} ${digest.text}`,
        ...tags.map((tag) => `${name.text} ${digest.text} ${tag.text}`),
      ]),
    ),
  );
}

function editImages(text: string, removes: readonly string[], adds: readonly string[]): string {
  let edited = text;
  const gone = new Set(removes.filter((line) => line.split(" ").length === 2));
  for (const line of removes) {
    const [image = "", digest = "", tag] = line.split(" ");
    if (tag !== undefined && !gone.has(`${image} ${digest}`)) edited = removeTag(edited, image, tag, true);
  }
  for (const line of gone) {
    const [image = "", digest = ""] = line.split(" ");
    edited = removeDigest(edited, image, digest);
  }
  const added = new Map<string, string[]>();
  for (const line of adds) {
    const [image = "", digest = "", tag] = line.split(" ");
    const key = `${image} ${digest}`;
    added.set(key, [...(added.get(key) ?? []), ...(tag === undefined ? [] : [tag])]);
  }
  for (const [key, tags] of added) {
    const [image = "", digest = ""] = key.split(" ");
    edited = addDigest(edited, image, digest, tags);
  }
  return edited;
}

function editFiles(text: string, removes: readonly string[], adds: readonly string[]): string {
  let edited = text;
  for (const line of removes) edited = removeFile(edited, fileOf(line).name);
  for (const line of adds) edited = addFile(edited, fileOf(line));
  return edited;
}

/** A path may have spaces. */
function fileOf(line: string): { readonly name: string; readonly sha256: string } {
  const space = line.lastIndexOf(" ");
  return { name: line.slice(0, space), sha256: line.slice(space + 1) };
}
