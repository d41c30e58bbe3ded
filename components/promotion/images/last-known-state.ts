import type { Differences, ImagesRequest, Previous } from "../run/request.ts";
import { addImage, type Images, type ImagesBuilder, linesOf, readImageLines } from "./lines.ts";

/** What a mirror is believed to hold before it is asked. */
export interface LastKnownState {
  readonly held: Images;
  /** Those of the held that are there in part only: without all that they list or that is attached to them. */
  readonly parts: Images;
}

const nothing: LastKnownState = { held: new Map(), parts: new Map() };

/**
 * What the last run and the last refresh have left in each mirror, of images or of layers. Mirrors in which nothing differed share
 * one belief. A mirror that the last run did not know, or knew in another place, is believed to be empty.
 */
export function believe(
  request: ImagesRequest,
  previous: Previous<ImagesRequest> | undefined,
): Map<string, LastKnownState> {
  const known = new Map(previous && previous.request.prefix === request.prefix ? placesOf(previous.request) : []);
  const beliefs = new Map<string, LastKnownState>();
  const believed = new Map<string, LastKnownState>();
  for (const [name, place] of placesOf(request)) {
    if (!previous || known.get(name) !== place) {
      believed.set(name, nothing);
      continue;
    }
    const differs = previous.incomplete[name] ?? "";
    const belief = beliefs.get(differs) ?? correct(previous.request.images, differs, name);
    beliefs.set(differs, belief);
    believed.set(name, belief);
  }
  return believed;
}

/**
 * What is missing (`+ `), too much (`- `) or there in part (`~ `), as {@link Differences} has it; "" when all is as wanted.
 * @param images the images that are compared.
 * @param held what is there; anything that can be asked for an image's digests.
 * @param tagless tags are not compared: the place has none.
 */
export function difference(
  images: Iterable<string>,
  wanted: Images,
  held: Pick<Images, "get">,
  parts: Images,
  tagless = false,
): string {
  const missing: string[] = [];
  const extra: string[] = [];
  for (const image of images) {
    const want = new Set(linesIn(image, wanted));
    const have = new Set(tagless ? untaggedLinesIn(image, wanted, held) : linesIn(image, held));
    for (const line of want) if (!have.has(line)) missing.push(`+ ${line}\n`);
    for (const line of have) if (!want.has(line)) extra.push(`- ${line}\n`);
  }
  const damaged: string[] = [];
  for (const [image, digests] of parts) for (const digest of digests.keys()) damaged.push(`~ ${image}@${digest}\n`);
  return [...missing.sort(), ...extra.sort(), ...damaged.sort()].join("");
}

function* linesIn(image: string, images: Pick<Images, "get">): Generator<string> {
  for (const [digest, tags] of images.get(image) ?? []) yield* linesOf(image, digest, tags);
}

/** What a place without tags has, under all tags that are wanted of it. */
function* untaggedLinesIn(image: string, wanted: Images, held: Pick<Images, "get">): Generator<string> {
  for (const [digest, tags] of held.get(image) ?? [])
    yield* linesOf(image, digest, wanted.get(image)?.get(digest) ?? tags);
}

/** Each mirror's name, and where it is. */
function placesOf({ mirrors, layerMirrors }: ImagesRequest): [string, string][] {
  return [
    ...mirrors.map(({ name, repository }): [string, string] => [name, repository]),
    ...layerMirrors.map(({ name, bucket }): [string, string] => [name, `s3://${bucket}`]),
  ];
}

/**
 * The lines that were wanted, corrected by what is known to differ. A digest that nobody asked for may be there in part: a run that died brought
 * it, or somebody's hand.
 */
function correct(text: string, differs: Differences[string], mirror: string): LastKnownState {
  const asked = readImageLines(text);
  if (differs === "") return { held: asked, parts: new Map() };
  const lines = new Set(text.split("\n"));
  const extra: string[] = [];
  const damaged: string[] = [];
  for (const line of differs.split("\n")) {
    const rest = line.slice(2);
    if (line.startsWith("+ ")) lines.delete(rest);
    else if (line.startsWith("- ")) extra.push(rest);
    else if (line.startsWith("~ ")) damaged.push(rest);
    else if (line !== "") throw new Error(`"${line}" in the record of ${mirror} begins with none of "+ ", "- ", "~ "`);
  }
  const held = readImageLines([...lines, ...extra].join("\n"));
  const parts: ImagesBuilder = new Map();
  for (const [image, digests] of readImageLines(damaged.join("\n"))) {
    for (const digest of digests.keys()) addImage(parts, image, digest);
  }
  for (const [image, digests] of readImageLines(extra.join("\n"))) {
    for (const digest of digests.keys()) if (!asked.get(image)?.has(digest)) addImage(parts, image, digest);
  }
  for (const [image, digests] of parts) for (const digest of digests.keys()) addImage(held, image, digest);
  return { held, parts };
}
