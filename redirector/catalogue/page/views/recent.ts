import type { RecentDocument, RecentPromotion } from "../documents.ts";
import { element } from "../element.ts";
import { link } from "./parts.ts";

/** What was promoted lately, newest first, with a link to the same as a feed. Nothing if nothing was promoted since it is recorded. */
export function recentPromotions({ promotions }: RecentDocument): HTMLElement[] {
  if (promotions.length === 0) return [];
  return [
    element(
      "section",
      { class: "group", id: "recent" },
      element("h2", {}, "Promoted lately"),
      element("ol", { class: "recent" }, ...promotions.slice(0, shownPromotions).map(item)),
      element(
        "p",
        { class: "aside" },
        element("a", { href: "/catalog/recent.atom", type: "application/atom+xml" }, "As an Atom feed"),
      ),
    ),
  ];
}

const shownPromotions = 20;
const shownNames = 5;

function item(promotion: RecentPromotion): HTMLElement {
  const { time, project, counts } = promotion;
  const kinds = (["added", "changed", "removed"] as const).filter((what) => counts[what] > 0);
  return element(
    "li",
    {},
    element("time", { datetime: time }, `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`),
    " ",
    link({ kind: "project", project }, project),
    ...kinds.map((what) => element("div", {}, `${what}: ${named(promotion[what], counts[what])}`)),
  );
}

/** The first names, and how many more there are. */
function named(names: readonly string[], count: number): string {
  const shown = names.slice(0, shownNames);
  const more = count - shown.length;
  return [...shown, ...(more > 0 ? [`${more.toLocaleString("en")} more`] : [])].join(", ");
}
