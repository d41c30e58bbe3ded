import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

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

/** Names of the files in the folder that the build makes, and below `/assets/`. */
export const assetFiles = { script: "page.js", style: "page.css", icon: "icon.svg" } as const;

/** Loads the files of the page from a folder. Throws if one is missing. */
export function loadAssets(folder: string): Assets {
  const load = (file: string, type: string): Asset => {
    const bytes = readFileSync(path.join(folder, file));
    const query = `?${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}`;
    return {
      address: `/assets/${file}${query}`,
      query,
      type,
      plain: bytes.toString("latin1"),
      gzip: gzipSync(bytes, { level: 9 }).toString("latin1"),
    };
  };
  return {
    script: load(assetFiles.script, "text/javascript; charset=utf-8"),
    style: load(assetFiles.style, "text/css; charset=utf-8"),
    icon: load(assetFiles.icon, "image/svg+xml"),
  };
}
