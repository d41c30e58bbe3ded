import { element } from "./element.ts";

/** The frame, which stays while views change: header with search, main element, live region for screen readers. */

/** The parts of the frame. */
export interface Frame {
  readonly search: HTMLInputElement;
  readonly main: HTMLElement;
}

const liveRegion = element("div", { class: "unseen", role: "status", "aria-live": "polite" });

/** Announces a text to screen readers. */
export function announce(text: string): void {
  liveRegion.textContent = text;
}

/** Replaces the document's content by the frame. `host` is shown as the site's name. */
export function buildFrame(host: string): Frame {
  const search = element("input", {
    type: "search",
    id: "search",
    name: "q",
    placeholder: "Search names, tags, digests",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    "aria-keyshortcuts": "/",
  });
  const main = element("main", { id: "main", tabindex: -1 }, element("p", { class: "loading" }, "Loading\u2026"));
  document.body.replaceChildren(
    element("a", { class: "skip", href: "#main" }, "Skip to the content"),
    element(
      "header",
      { class: "bar" },
      element("a", { class: "brand", href: "/" }, element("span", { class: "glyph", "aria-hidden": "true" }), host),
      element(
        "form",
        { role: "search", action: "/" },
        element("label", { class: "unseen", for: "search" }, "Search names of images and files, tags, and digests"),
        search,
        element("kbd", { "aria-hidden": "true" }, "/"),
      ),
      element(
        "nav",
        { "aria-label": "Pages" },
        element("a", { href: "/", class: "front" }, "Catalogue"),
        element("a", { href: "/status" }, "Status"),
      ),
    ),
    main,
    element(
      "footer",
      {},
      "For scripts: ",
      element("a", { href: "/catalog/index.json", "data-outside": true }, "index.json"),
      " lists everything here; ",
      element("a", { href: "/catalog/listing.json", "data-outside": true }, "listing.json"),
      " names texts with a line for each digest and file.",
    ),
    liveRegion,
  );
  return { search, main };
}
