import { addressOf, type View } from "../address.ts";
import { element } from "../element.ts";

/** What several views have. */

/** A view, ready to be shown. */
export interface Shown {
  /** Of the document: what the tab is called. */
  readonly title: string;
  readonly content: readonly Node[];
  /** To be brought into sight and opened. */
  readonly target?: HTMLElement | undefined;
}

/** A link to another view. */
export function link(view: Exclude<View, { kind: "unknown" }>, ...children: (Node | string)[]): HTMLAnchorElement {
  return element("a", { href: addressOf(view) }, ...children);
}

/** Where the view is, from the catalogue down to what is above it. */
export function trail(...links: readonly HTMLAnchorElement[]): HTMLElement {
  const all = [link({ kind: "home", query: "" }, "Catalogue"), ...links];
  return element(
    "nav",
    { class: "trail", "aria-label": "Where this is" },
    element("ol", {}, ...all.map((one) => element("li", {}, one))),
  );
}

/** How to reach the people of a project, where that is an address that is safe to follow. */
export function contactLink(contact: string | undefined): HTMLElement | undefined {
  if (contact === undefined) return undefined;
  const url = URL.parse(contact);
  if (url?.protocol === "https:" || url?.protocol === "http:") {
    return element("a", { href: url.href, rel: "noreferrer" }, `${url.host}${url.pathname}`.replace(/\/$/, ""));
  }
  if (/^[^\s@:/?#]+@[^\s@:/?#]+$/.test(contact)) return element("a", { href: `mailto:${contact}` }, contact);
  return element("span", {}, contact);
}

/** A list that shows a part of itself until asked for all, so that the first of 5,000 are there at once. */
export function longList<Item>(
  items: readonly Item[],
  container: HTMLElement,
  make: (item: Item) => Node,
  first = 100,
): readonly Node[] {
  container.append(...items.slice(0, first).map(make));
  if (items.length <= first) return [container];
  const rest = items.length - first;
  const button = element("button", { type: "button", class: "more" }, `Show ${rest.toLocaleString("en")} more`);
  button.addEventListener("click", () => {
    const made = items.slice(first).map(make);
    container.append(...made);
    button.remove();
    const [next] = made;
    if (next instanceof HTMLElement) next.querySelector<HTMLElement>("a, summary, button")?.focus();
  });
  return [container, button];
}

/** Says that there is nothing, and what to do. */
export function nothing(text: string, ...more: (Node | string)[]): HTMLElement {
  return element("p", { class: "nothing" }, text, ...more);
}
