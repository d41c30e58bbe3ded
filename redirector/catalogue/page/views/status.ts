import { element } from "../element.ts";
import { formatQuantity } from "../text.ts";
import type { Shown } from "./parts.ts";

/** `/status.json`: the mirrors' health as seen by the redirector that answered. */
export interface RedirectorStatus {
  readonly region: string;
  readonly mirrors: readonly MirrorStatus[];
  readonly you: { readonly cloud: string; readonly region: string; readonly images?: string; readonly files?: string };
}

/** One mirror. */
interface MirrorStatus {
  readonly name: string;
  readonly kind: "images" | "files";
  readonly cloud: string;
  readonly region: string;
  readonly healthy: boolean;
}

/** The view of the mirrors' health. */
export function showStatus({ region, mirrors, you }: RedirectorStatus): Shown {
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
      ...(["images", "files"] as const).flatMap((kind) => {
        const list = mirrors.filter((mirror) => mirror.kind === kind);
        return list.length === 0 ? [] : [table(kind === "images" ? "Images" : "Files", list, you[kind])];
      }),
    ],
  };
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
