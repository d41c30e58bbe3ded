import { addressOf, readViewAddress, type View } from "./address.ts";
import {
  listingWanted,
  loadImage,
  loadIndex,
  loadListing,
  loadProject,
  loadRelease,
  loadStatus,
  NotFoundError,
} from "./catalogue.ts";
import { element } from "./element.ts";
import { findRelease } from "./find-release.ts";
import { buildFrame, tell } from "./frame.ts";
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

/** The page of the catalogue: one document for all addresses, which shows what the address names. */

const host = location.host;
/** The redirector has answered with an error of which this document is the body. */
const refusal = document.body.dataset["refusal"];
const { search, main } = buildFrame(host);
/** Counts views: what arrives late is for a view that has been left. */
let turn = 0;
/** The frame with which a search will be shown; 0 for none. Keys that come faster than frames are answered together. */
let searching = 0;
/** What the listing has become: undefined while it is not here. */
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

/** Shows what the address names. `back`: the reader has been here, and is brought to where they were. */
async function show(back = false): Promise<void> {
  const mine = ++turn;
  forgetSearch();
  const view = readViewAddress(location.pathname, location.search);
  // With what was read before there is nothing to wait for; else the old view stays until the new one is there.
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
  // Who came by a link hears where they are; on the first view the browser says so itself.
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
      return orNotFound(() => loadProject(view.project).then(showProject));
    case "files":
      return orNotFound(async () => {
        const project = await loadProject(view.project);
        const found = findRelease(project, view.path);
        if (found === undefined) throw new NotFoundError();
        return showFiles(project, await loadRelease(view.project, found.release), found.file, location.origin);
      });
    case "image":
      return orNotFound(() => composeImage(view.repository, view.reference));
    case "status":
      return showStatus(await loadStatus());
    case "unknown":
      return showNotFound(await loadIndex(), view.path, host, "There is no such page");
  }
}

async function composeImage(repository: string, reference: string | undefined): Promise<Shown> {
  const index = await loadIndex();
  const entry = index.projects.find(({ images }) => images.some((image) => image.repository === repository));
  const summary = entry?.images.find((image) => image.repository === repository);
  if (entry === undefined || summary === undefined) throw new NotFoundError();
  const details = await loadImage(entry.name, repository);
  const opened = (address: string): void => {
    if (address !== location.pathname) history.replaceState(history.state, "", address);
  };
  return showImage({ host, project: entry.name, summary, details, reference, opened });
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
  // What comes in later, as the listing does, may come while a row has the focus.
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

/** A click on a link to one of our views stays in this document. */
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

/** Goes to what was found first, of what is in the box by now. */
async function openFirst(): Promise<void> {
  if (searching !== 0) await searchNow();
  const first = main.querySelector<HTMLAnchorElement>(".rows a");
  if (first === null) return;
  search.blur();
  first.click();
}

/** Another search replaces the last one; the first is a step that "back" undoes. */
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

/** Shows what is found: nothing is waited for. */
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
  tell(shown.told);
}

function forgetSearch(): void {
  cancelAnimationFrame(searching);
  searching = 0;
}

/** Begins to load what tags, digests and files are found in, once. */
function wantListing(): void {
  if (listingWanted()) return;
  loadListing().then(
    (loaded) => settle(loaded),
    () => settle(null),
  );
}

function settle(loaded: Listing | null): void {
  listing = loaded;
  showAgain();
}

/** More is known of what is being searched for: what is found changes where it stands. */
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
  // The rows that are there are of what was in the box before.
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
