import { createHash } from "node:crypto";
import { type ProjectEntry, type Published, projectEntry } from "../../components/catalogue/entry.ts";
import { packListing } from "../../components/catalogue/listing.ts";
import { CatalogueMirror } from "../../components/promotion/catalogue/catalogue-mirror.ts";
import { SharedDocuments } from "../../components/promotion/catalogue/shared-documents.ts";
import { writeEntry } from "../../components/promotion/catalogue/write-entry.ts";
import { openStorage } from "../../components/promotion/storage/storage.ts";
import { generatePublished } from "./browser/full-scale.ts";
import type { ManifestSet } from "./generate-manifests.ts";
import type { ObjectStores } from "./object-stores.ts";

/** Bytes that one change writes to one mirror. */
export interface ChangeBytes {
  /** Of one file of a small project. */
  readonly small: number;
  /** Of a release of the large project. */
  readonly large: number;
  /** Of the project's document, of the parts of its releases and of the release within that. */
  readonly documentsOfLarge: number;
  /** Of the listing and the platform lines within these. */
  readonly partsOfSmall: number;
  readonly partsOfLarge: number;
  /** Of all lines, if they were not divided: what each change wrote before. */
  readonly undivided: number;
}

/** Writes the catalogue of a set of manifests and of a project with so many files to a mirror in Cloud Storage; then changes both kinds of projects. */
export async function measureChanges(stores: ObjectStores, set: ManifestSet, files: number): Promise<ChangeBytes> {
  const { signal } = new AbortController();
  const storage = openStorage(stores.settings);
  await stores.makeBucket("gcs", "measured");
  const bucket = storage.open({ kind: "gcs", bucket: "measured", region: "us" });
  const counts = { all: 0, parts: 0, documents: 0 };
  const counted = new Proxy(bucket, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (name === "replace") {
          const [key, { length }] = args as [string, Uint8Array];
          counts.all += length;
          if (key.endsWith(".tsv.gz")) counts.parts += length;
          if (/^catalog\/(projects|details)\//.test(key)) counts.documents += length;
        }
        return Reflect.apply(value, target, args);
      };
    },
  });
  /** Each has a run of its own. */
  const written = async (entries: readonly ProjectEntry[], old: ReadonlySet<string> = new Set()) => {
    Object.assign(counts, { all: 0, parts: 0, documents: 0 });
    const mirrors = [new CatalogueMirror("measured", counted, signal)];
    const shared = new SharedDocuments(signal);
    const outcomes = await Promise.all(entries.map((entry) => writeEntry(entry, old, mirrors, shared, signal)));
    const failures = outcomes.flatMap((outcome) => outcome.failures);
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return { ...counts };
  };
  try {
    const projects = generatePublished(set);
    const large = largeProject(files);
    const entries = [...projects, large].map(projectEntry);
    await written(entries);
    const own = projects.findLast((project) => project.files.length > 0)!;
    const change = async (project: Published, path: string) => {
      const added = { path, sha256: sha256Of(path), bytes: 1_000 };
      const before = entries.find(({ name }) => name === project.name)!;
      const entry = projectEntry({ ...project, files: [...project.files, added] });
      return written([entry], new Set(before.documents.keys()));
    };
    const small = await change(own, "v99.0.0/tool");
    // An old release: the newest are in the project's own document.
    const release = await change(large, "v1.7.0/tool");
    const all = (of: (entry: ProjectEntry) => string) => packListing(entries.map(of).join("")).length;
    return {
      small: small.all,
      large: release.all,
      documentsOfLarge: release.documents,
      partsOfSmall: small.parts,
      partsOfLarge: release.parts,
      undivided: all(({ lines }) => lines) + all(({ platforms }) => platforms),
    };
  } finally {
    await storage.close();
  }
}

/** A project with so many files in releases of 50. */
function largeProject(files: number): Published {
  const paths = Array.from({ length: files }, (_, at) => {
    return `v1.${Math.floor(at / 50)}.0/bin/linux/amd64/tool-${at % 50}`;
  });
  return {
    name: "large",
    description: "",
    imagePrefix: "large",
    filePrefix: "large",
    images: new Map(),
    facts: new Map(),
    files: paths.map((path) => ({ path, sha256: sha256Of(path), bytes: 1_000 })),
  };
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
