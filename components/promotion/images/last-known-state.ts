import type { Differences, ImagesRequest, Previous } from "../run/request.ts";
import { addImage, type Images, type ImagesBuilder, linesOf, readImageLines } from "./lines.ts";

/** What a mirror held when the last run or refresh ended. */
export interface LastKnownState {
  readonly present: Images;
  /** The present digests that lack something: a manifest that they list, or something that is attached to them. */
  readonly incomplete: Images;
}

const nothing: LastKnownState = { present: new Map(), incomplete: new Map() };

/**
 * The last known state of each mirror, of images or of layers, as the last run or refresh recorded it. Mirrors with the same differences
 * share one state. A mirror that the last run did not know, or knew at another address, counts as empty.
 */
export function lastKnownStates(
  request: ImagesRequest,
  previous: Previous<ImagesRequest> | undefined,
): Map<string, LastKnownState> {
  const known = new Map(previous && previous.request.prefix === request.prefix ? addressesOf(previous.request) : []);
  const states = new Map<string, LastKnownState>();
  const byMirror = new Map<string, LastKnownState>();
  for (const [name, address] of addressesOf(request)) {
    if (!previous || known.get(name) !== address) {
      byMirror.set(name, nothing);
      continue;
    }
    const differs = previous.incomplete[name] ?? "";
    const state = states.get(differs) ?? correct(previous.request.images, differs, name);
    states.set(differs, state);
    byMirror.set(name, state);
  }
  return byMirror;
}

/**
 * What is missing (`+ `), not wanted (`- `) or incomplete (`~ `), in the format of {@link Differences}; "" when all is as wanted.
 * @param images the images that are compared.
 * @param present what is there; anything that can be asked for an image's digests.
 * @param tagless tags are not compared: the mirror has none.
 */
export function difference(
  images: Iterable<string>,
  wanted: Images,
  present: Pick<Images, "get">,
  incomplete: Images,
  tagless = false,
): string {
  const missing: string[] = [];
  const extra: string[] = [];
  for (const image of images) {
    const want = new Set(linesIn(image, wanted));
    const have = new Set(tagless ? untaggedLinesIn(image, wanted, present) : linesIn(image, present));
    for (const line of want) if (!have.has(line)) missing.push(`+ ${line}\n`);
    for (const line of have) if (!want.has(line)) extra.push(`- ${line}\n`);
  }
  const lacking: string[] = [];
  for (const [image, digests] of incomplete)
    for (const digest of digests.keys()) lacking.push(`~ ${image}@${digest}\n`);
  return [...missing.sort(), ...extra.sort(), ...lacking.sort()].join("");
}

function* linesIn(image: string, images: Pick<Images, "get">): Generator<string> {
  for (const [digest, tags] of images.get(image) ?? []) yield* linesOf(image, digest, tags);
}

/** What a mirror without tags has, under all tags that are wanted of it. */
function* untaggedLinesIn(image: string, wanted: Images, present: Pick<Images, "get">): Generator<string> {
  for (const [digest, tags] of present.get(image) ?? [])
    yield* linesOf(image, digest, wanted.get(image)?.get(digest) ?? tags);
}

/** Each mirror's name and address. */
function addressesOf({ mirrors, layerMirrors }: ImagesRequest): [string, string][] {
  return [
    ...mirrors.map(({ name, repository }): [string, string] => [name, repository]),
    ...layerMirrors.map(({ name, bucket }): [string, string] => [name, `s3://${bucket}`]),
  ];
}

/**
 * The lines that the last run asked for, corrected by the recorded differences. A digest that was not asked for may be incomplete: a run that
 * was killed, or a push by hand, left it.
 */
function correct(text: string, differs: Differences[string], mirror: string): LastKnownState {
  const asked = readImageLines(text);
  if (differs === "") return { present: asked, incomplete: new Map() };
  const lines = new Set(text.split("\n"));
  const extra: string[] = [];
  const lacking: string[] = [];
  for (const line of differs.split("\n")) {
    const rest = line.slice(2);
    if (line.startsWith("+ ")) lines.delete(rest);
    else if (line.startsWith("- ")) extra.push(rest);
    else if (line.startsWith("~ ")) lacking.push(rest);
    else if (line !== "") throw new Error(`"${line}" in the record of ${mirror} begins with none of "+ ", "- ", "~ "`);
  }
  const present = readImageLines([...lines, ...extra].join("\n"));
  const incomplete: ImagesBuilder = new Map();
  for (const [image, digests] of readImageLines(lacking.join("\n"))) {
    for (const digest of digests.keys()) addImage(incomplete, image, digest);
  }
  for (const [image, digests] of readImageLines(extra.join("\n"))) {
    for (const digest of digests.keys()) if (!asked.get(image)?.has(digest)) addImage(incomplete, image, digest);
  }
  for (const [image, digests] of incomplete) for (const digest of digests.keys()) addImage(present, image, digest);
  return { present, incomplete };
}
