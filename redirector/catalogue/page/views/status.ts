import type { RecentDocument } from "../documents.ts";
import { element } from "../element.ts";
import { formatQuantity } from "../text.ts";
import { type MapPlace, type Mark, worldMap } from "./map.ts";
import type { Shown } from "./parts.ts";
import { recentPromotions } from "./recent.ts";

/** `/status.json`: the mirrors' health as seen by the redirector that answered. */
export interface RedirectorStatus {
  readonly region: string;
  readonly mirrors: readonly MirrorStatus[];
  /** A redirector from before the map gives no places. */
  readonly you: {
    readonly cloud: string;
    readonly region: string;
    readonly images?: string;
    readonly files?: string;
  } & Partial<MapPlace>;
}

/** One mirror. */
interface MirrorStatus extends Partial<MapPlace> {
  readonly name: string;
  readonly kind: "images" | "files";
  readonly cloud: string;
  readonly region: string;
  readonly healthy: boolean;
}

/** The view of the mirrors' health, and of what was promoted lately. */
export function showStatus({ region, mirrors, you }: RedirectorStatus, recent: RecentDocument): Shown {
  const unhealthy = mirrors.filter(({ healthy }) => !healthy).length;
  const clientLocation =
    you.cloud === "" ? "" : ` You are in ${[you.cloud, you.region].filter((part) => part !== "").join(" ")}.`;
  return {
    title: "Status",
    content: [
      element(
        "h1",
        {},
        unhealthy === 0
          ? "All mirrors answer"
          : `${formatQuantity(unhealthy, "mirror")} of ${mirrors.length} ${unhealthy === 1 ? "does" : "do"} not answer`,
      ),
      element(
        "p",
        { class: "lead" },
        `As seen by the redirector in ${region}, which redirects no client to a mirror that does not answer.${clientLocation}`,
      ),
      ...map(mirrors, you),
      ...(["images", "files"] as const).flatMap((kind) => {
        const list = mirrors.filter((mirror) => mirror.kind === kind);
        return list.length === 0 ? [] : [table(kind === "images" ? "Images" : "Files", list, you[kind])];
      }),
      ...recentPromotions(recent),
    ],
  };
}

/** One mark for the mirrors of each region of a cloud. */
function map(mirrors: readonly MirrorStatus[], you: RedirectorStatus["you"]): SVGElement[] {
  const regions = Map.groupBy(mirrors, ({ cloud, region }) => `${cloud} ${region}`);
  const marks = [...regions.values()].flatMap((list): Mark[] => {
    const [{ cloud, region, latitude, longitude }] = list as [MirrorStatus];
    if (latitude === undefined || longitude === undefined) return [];
    const states = list.map((mirror) => {
      const yours = mirror.name === you[mirror.kind] ? ", yours" : "";
      return `${mirror.kind} ${mirror.healthy ? "answers" : "does not answer"}${yours}`;
    });
    return [
      {
        latitude,
        longitude,
        label: `${clouds[cloud] ?? cloud} ${region}: ${states.join("; ")}`,
        healthy: list.every(({ healthy }) => healthy),
        yours: list.some(({ name, kind }) => name === you[kind]),
      },
    ];
  });
  const { latitude, longitude } = you;
  if (marks.length === 0) return [];
  return [worldMap(marks, latitude === undefined || longitude === undefined ? undefined : { latitude, longitude })];
}

function table(name: string, mirrors: readonly MirrorStatus[], yours: string | undefined): HTMLElement {
  return element(
    "section",
    { class: "group" },
    element("h2", {}, name),
    element(
      "table",
      { class: "mirrors" },
      element(
        "thead",
        {},
        element("tr", {}, ...["Region", "Cloud", "Health"].map((column) => element("th", { scope: "col" }, column))),
      ),
      element(
        "tbody",
        {},
        ...mirrors.map((mirror) =>
          element(
            "tr",
            {},
            element(
              "th",
              { scope: "row" },
              mirror.region,
              mirror.name === yours && element("small", { class: "yours" }, "yours"),
            ),
            element("td", {}, clouds[mirror.cloud] ?? mirror.cloud),
            element(
              "td",
              {},
              element(
                "span",
                { class: mirror.healthy ? "health up" : "health down" },
                mirror.healthy ? "answers" : "does not answer",
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

const clouds: Readonly<Record<string, string>> = { gcp: "Google Cloud", aws: "AWS", azure: "Azure" };
