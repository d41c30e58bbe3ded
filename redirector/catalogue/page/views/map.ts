import { svgElement } from "../element.ts";
import { land } from "../land.ts";

/** A place on the map. */
export interface MapPlace {
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
}

/** A mark: the mirrors of one region. */
export interface Mark extends MapPlace {
  /** What a pointer that rests on it is told. */
  readonly label: string;
  readonly healthy: boolean;
  readonly yours: boolean;
}

/** Width and height of the drawing, in its own units: two for a degree. */
const [width, height] = [720, 280];
/** Nothing is north of it that a client or a mirror is in. */
const north = 80;

/** Where a place is in the drawing: an equirectangular projection, south to 60 degrees. Pure. @internal exported for its test. */
export function projected({ latitude, longitude }: MapPlace): readonly [x: number, y: number] {
  return [(longitude + 180) * 2, (north - latitude) * 2];
}

/**
 * The mirrors on a map of the world, and lines from the reader to those that serve him. It repeats what the tables below it say, so to a screen reader
 * it is one image with a text.
 */
export function worldMap(marks: readonly Mark[], you: MapPlace | undefined): SVGElement {
  const down = marks.filter(({ healthy }) => !healthy).length;
  const summary = `Map of ${marks.length} regions with mirrors; ${down === 0 ? "all answer" : `in ${down} a mirror does not answer`}. The tables say the same.`;
  return svgElement(
    "svg",
    { class: "map", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": summary },
    svgElement("path", { class: "land", d: land.map(ringPath).join("") }),
    ...(you === undefined ? [] : marks.filter(({ yours }) => yours).map((mark) => way(you, mark))),
    ...marks.map(dot),
    you && ring(you),
  );
}

function ringPath(ring: readonly number[]): string {
  const points: string[] = [];
  for (let index = 0; index < ring.length; index += 2)
    points.push(projected({ longitude: ring[index]!, latitude: ring[index + 1]! }).join(" "));
  return `M${points.join("L")}Z`;
}

/** A line from the reader to a mirror: the shorter way round the earth is not drawn where it leaves the map. */
function way(from: MapPlace, to: MapPlace): SVGElement {
  const [x1, y1] = projected(from);
  const [x2, y2] = projected(to);
  return svgElement("line", { class: "way", x1, y1, x2, y2 });
}

/** A mirror that does not answer is a square, so that not the colour alone tells it. */
function dot({ label, healthy, yours, ...place }: Mark): SVGElement {
  const [x, y] = projected(place);
  const title = svgElement("title", {}, label);
  if (!healthy) return svgElement("rect", { class: "mark down", x: x - 4, y: y - 4, width: 8, height: 8 }, title);
  return svgElement("circle", { class: "mark up", cx: x, cy: y, r: yours ? 5 : 3.5 }, title);
}

function ring(place: MapPlace): SVGElement {
  const [cx, cy] = projected(place);
  return svgElement("circle", { class: "you", cx, cy, r: 6 }, svgElement("title", {}, "Where you are taken to be"));
}
