import { addressOf, readViewAddress, type View } from "./address.ts";
import {
  listingWanted,
  loadImage,
  loadIndex,
  loadListing,
  loadProject,
  loadRecent,
  loadRelease,
  loadStatus,
  loadWholeProject,
  NotFoundError,
} from "./catalogue.ts";
import { element } from "./element.ts";
import { findRelease } from "./find-release.ts";
import { announce, buildFrame } from "./frame.ts";
import { isPageAddress } from "./page-addresses.ts";
import { PlatformSearches } from "./platform-search.ts";
import type { Listing } from "./search.ts";
import { showFiles } from "./views/files.ts";
import { showHits, showProjects } from "./views/home.ts";
import { showImage } from "./views/image.ts";
import { showNotFound } from "./views/not-found.ts";
import type { Shown } from "./views/parts.ts";
import { showProject } from "./views/project.ts";
import { showStatus } from "./views/status.ts";

/** The catalogue's page: one document for all URLs, which shows the view that the URL names. */

const host = location.host;
/** The message of the redirector's error, if this document is its body. */
const refusal = document.body.dataset["refusal"];
const { search, main } = buildFrame(host);
/** Counts views. A result that arrives for an earlier view is discarded. */
let turn = 0;
/** Animation frame that will show a search; 0 if there is none. Keys pressed within one frame cause one search. */
let searching = 0;
/** The listing; undefined until it is loaded, null if it could not be loaded. */
let listing: Listing | null | undefined;
const platforms = new PlatformSearches(showAgain);

history.scrollRestoration = "manual";
addEventListener("popstate", () => void show(true));
document.addEventListener("click", follow);
document.addEventListener("keydown", keys);
search.addEventListener("input", typed);
search.addEventListener("focus", wantListing);
search.form?.addEventListener("submit", (event) => {
  event.preventDefault();
  void openFirst();
});
void show(true);

/** Shows the view of the URL. `back`: the user has been here before; restores the scroll position. */
async function show(back = false): Promise<void> {
  const mine = ++turn;
  forgetSearch();
  const view = readViewAddress(location.pathname, location.search);
  // Cached documents show at once. Otherwise the old view stays until the new one is ready.
  const slow = setTimeout(() => main.setAttribute("aria-busy", "true"), 150);
  let shown: Shown;
  try {
    shown = await compose(view);
  } catch (error) {
    shown = failed(error);
  }
  clearTimeout(slow);
  if (mine !== turn) return;
  put(shown);
  if (view.kind !== "home" || view.query === "") search.value = "";
  else if (back || document.activeElement !== search) search.value = view.query;
  markPage(view);
  const { state } = history as { state: { y?: number } | null };
  if (shown.target instanceof HTMLDetailsElement) {
    shown.target.open = true;
  }
  scrollTo(0, back ? (state?.y ?? 0) : 0);
  // After a link, screen readers announce the new view. The browser announces the first view itself.
  if (!back && document.activeElement !== search) main.focus({ preventScroll: true });
}

async function compose(view: View): Promise<Shown> {
  if (refusal !== undefined)
    return showNotFound(await loadIndex().catch(() => undefined), location.pathname, host, refusal);
  switch (view.kind) {
    case "home":
      if (view.query === "") return showProjects(await loadIndex(), host);
      wantListing();
      return showHits(await loadIndex(), { listing, platforms }, view.query, host);
    case "project":
      return orNotFound(() => loadWholeProject(view.project).then(showProject));
    case "files":
      return orNotFound(async () => {
        const project = await loadWholeProject(view.project);
        const found = findRelease(project, view.path);
        if (found === undefined) throw new NotFoundError();
        return showFiles(project, await loadRelease(view.project, found.release), found.file, location.origin);
      });
    case "image":
      return orNotFound(() => composeImage(view.repository, view.reference));
    case "status":
      return showStatus(...(await Promise.all([loadStatus(), loadRecent()])));
    case "unknown":
      return showNotFound(await loadIndex(), view.path, host, "There is no such page");
  }
}

async function composeImage(repository: string, reference: string | undefined): Promise<Shown> {
  const index = await loadIndex();
  const entry = index.projects.find(({ images }) => images.some((image) => image.repository === repository));
  const summary = entry?.images.find((image) => image.repository === repository);
  if (entry === undefined || summary === undefined) throw new NotFoundError();
  const [{ proof }, details] = await Promise.all([loadProject(entry.name), loadImage(entry.name, repository)]);
  const opened = (address: string): void => {
    if (address !== location.pathname) history.replaceState(history.state, "", address);
  };
  return showImage({ host, project: entry.name, proof, summary, details, reference, opened });
}

async function orNotFound(make: () => Promise<Shown>): Promise<Shown> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return showNotFound(await loadIndex(), location.pathname, host, "Not in production");
  }
}

function failed(error: unknown): Shown {
  const again = element("button", { type: "button", class: "more" }, "Try again");
  again.addEventListener("click", () => void show());
  const cause = error instanceof Error ? error.message : String(error);
  return {
    title: "Not loaded",
    content: [
      element("h1", {}, "This did not load"),
      element("p", { class: "lead", role: "alert" }, `${cause}.`),
      element("p", { class: "aside" }, "Pulling images and downloading files does not depend on this page."),
      again,
    ],
  };
}

function put({ title, content }: Shown): void {
  document.title = title === host ? host : `${title} \u2013 ${host}`;
  // Data that arrives later, such as the listing, may arrive while a row has the focus.
  const focused = main.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  main.replaceChildren(...content);
  if (focused) main.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  main.removeAttribute("aria-busy");
}

function markPage(view: View): void {
  for (const anchor of document.querySelectorAll<HTMLAnchorElement>("header nav a")) {
    const here =
      anchor.pathname === "/status" ? view.kind === "status" : view.kind !== "status" && view.kind !== "unknown";
    if (here) anchor.setAttribute("aria-current", anchor.pathname === location.pathname ? "page" : "true");
    else anchor.removeAttribute("aria-current");
  }
}

/** Handles a click on a link to a view within this document. */
function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const anchor = event.target instanceof Element ? event.target.closest("a") : null;
  if (!anchor || anchor.origin !== location.origin || anchor.hash !== "" || refusal !== undefined) return;
  if (!isPageAddress(anchor.pathname)) return;
  event.preventDefault();
  go(anchor.pathname + anchor.search);
}

function go(address: string): void {
  history.replaceState({ y: scrollY }, "");
  history.pushState(null, "", address);
  void show();
}

/** Opens the first hit of the present search. */
async function openFirst(): Promise<void> {
  if (searching !== 0) await searchNow();
  const first = main.querySelector<HTMLAnchorElement>(".rows a");
  if (first === null) return;
  search.blur();
  first.click();
}

/** Handles input in the search box. A search replaces the last one in the history; the first adds a step. */
function typed(): void {
  wantListing();
  const query = search.value.trim();
  const view = readViewAddress(location.pathname, location.search);
  const address = addressOf({ kind: "home", query });
  if (refusal !== undefined) {
    location.assign(address);
    return;
  }
  if (view.kind === "home" && view.query !== "") history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  turn++;
  forgetSearch();
  searching = requestAnimationFrame(() => void searchNow());
}

/** Shows the present hits without waiting for data that is still loading. */
async function searchNow(): Promise<void> {
  forgetSearch();
  const mine = ++turn;
  const index = await loadIndex().catch(failed);
  if (mine !== turn) return;
  if ("content" in index) {
    put(index);
    return;
  }
  const query = search.value.trim();
  if (query === "") {
    put(showProjects(index, host));
    return;
  }
  const shown = showHits(index, { listing, platforms }, query, host);
  put(shown);
  announce(shown.announcement);
}

function forgetSearch(): void {
  cancelAnimationFrame(searching);
  searching = 0;
}

/** Starts to load the listing, once. */
function wantListing(): void {
  if (listingWanted()) return;
  loadListing().then(
    (loaded) => setListing(loaded),
    () => setListing(null),
  );
}

function setListing(loaded: Listing | null): void {
  listing = loaded;
  showAgain();
}

/** Updates the present search after more data has arrived. */
function showAgain(): void {
  const view = readViewAddress(location.pathname, location.search);
  if (view.kind !== "home" || view.query === "") return;
  void (search.value.trim() === view.query.trim() ? searchNow() : show(true));
}

function keys(event: KeyboardEvent): void {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  if (event.key === "Escape" && event.target === search && search.value !== "") {
    event.preventDefault();
    search.value = "";
    typed();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  // The present rows belong to the previous search.
  if (event.target === search && searching !== 0) {
    event.preventDefault();
    void searchNow().then(() => main.querySelector<HTMLElement>(".rows > li > a")?.focus());
    return;
  }
  const rows = [...main.querySelectorAll<HTMLElement>(".rows > li > a, .versions summary")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  if (at < 0 && event.target !== search) return;
  const next = event.key === "ArrowDown" ? rows[at + 1] : at > 0 ? rows[at - 1] : search;
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
