import { readFileSync } from "node:fs";
import path from "node:path";

/** A static file of the page, ready to be sent. */
export interface Asset {
  /** The URL in the document: the path and a query that identifies the content. */
  readonly address: string;
  /** The query in {@link Asset.address}, with its question mark. */
  readonly query: string;
  readonly type: string;
  /** The content, one character for each byte. */
  readonly plain: string;
  /** The same compressed by gzip. */
  readonly gzip: string;
}

/** The static files of the page. */
export interface Assets {
  readonly script: Asset;
  readonly style: Asset;
  readonly icon: Asset;
}

/** File names in the build's folder and below `/assets/`. The folder also holds each file's compressed form, see {@link packedName}. */
export const assetFiles = { script: "page.js", style: "page.css", icon: "icon.svg" } as const;

/** Name of a file's compressed form. */
export function packedName(file: string): string {
  return `${file}.gz`;
}

/** Name of the JSON file in that folder that maps each file to the start of its SHA-256. */
export const contentsFile = "contents.json";

/** Loads the static files from a folder. Throws if one is missing. The build has compressed and hashed them, so that an instance starts quickly. */
export function loadAssets(folder: string): Assets {
  const read = (file: string): string => readFileSync(path.join(folder, file), "latin1");
  const contents = JSON.parse(read(contentsFile)) as Record<string, string>;
  const load = (file: string, type: string): Asset => {
    const query = `?${contents[file]}`;
    return { address: `/assets/${file}${query}`, query, type, plain: read(file), gzip: read(packedName(file)) };
  };
  return {
    script: load(assetFiles.script, "text/javascript; charset=utf-8"),
    style: load(assetFiles.style, "text/css; charset=utf-8"),
    icon: load(assetFiles.icon, "image/svg+xml"),
  };
}
