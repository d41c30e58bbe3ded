import { addressOf, type View } from "../address.ts";
import { element } from "../element.ts";

/** Parts that several views share. */

/** A rendered view. */
export interface Shown {
  /** Title of the document. */
  readonly title: string;
  readonly content: readonly Node[];
  /** The element to open. */
  readonly target?: HTMLElement | undefined;
}

/** A link to another view. */
export function link(view: Exclude<View, { kind: "unknown" }>, ...children: (Node | string)[]): HTMLAnchorElement {
  return element("a", { href: addressOf(view) }, ...children);
}

/** Breadcrumbs from the catalogue to the view's parent. */
export function trail(...links: readonly HTMLAnchorElement[]): HTMLElement {
  const all = [link({ kind: "home", query: "" }, "Catalogue"), ...links];
  return element(
    "nav",
    { class: "trail", "aria-label": "Breadcrumbs" },
    element("ol", {}, ...all.map((one) => element("li", {}, one))),
  );
}

/** A project's contact, as a link if it is a URL or a mail address. */
export function contactLink(contact: string | undefined): HTMLElement | undefined {
  if (contact === undefined) return undefined;
  const url = URL.parse(contact);
  if (url?.protocol === "https:" || url?.protocol === "http:") {
    return element("a", { href: url.href, rel: "noreferrer" }, `${url.host}${url.pathname}`.replace(/\/$/, ""));
  }
  if (/^[^\s@:/?#]+@[^\s@:/?#]+$/.test(contact)) return element("a", { href: `mailto:${contact}` }, contact);
  return element("span", {}, contact);
}

/** A list that shows its first items and a button for the rest, so that 5,000 items do not delay the view. */
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

/** A message that there is nothing to show, and what to do. */
export function nothing(text: string, ...more: (Node | string)[]): HTMLElement {
  return element("p", { class: "nothing" }, text, ...more);
}
