import { readFileSync } from "node:fs";
import path from "node:path";

/** A file of the page, ready to be sent. */
export interface Asset {
  /** Where the document refers to it: the path, and of which content. */
  readonly address: string;
  /** The query in {@link Asset.address}, with its question mark. */
  readonly query: string;
  readonly type: string;
  /** The content, one character for each byte. */
  readonly plain: string;
  /** The same compressed by gzip. */
  readonly gzip: string;
}

/** The files of the page. */
export interface Assets {
  readonly script: Asset;
  readonly style: Asset;
  readonly icon: Asset;
}

/** Names of the files in the folder that the build makes, and below `/assets/`; beside each lies what {@link packedName} names. */
export const assetFiles = { script: "page.js", style: "page.css", icon: "icon.svg" } as const;

/** Name of a file's compressed form. */
export function packedName(file: string): string {
  return `${file}.gz`;
}

/** Name of the file in that folder that holds, as JSON, of which content each one is: the start of its SHA-256. */
export const contentsFile = "contents.json";

/** Loads the files of the page from a folder. Throws if one is missing. Nothing is compressed or hashed: an instance starts for a client. */
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
