import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { DemoArtifacts } from "../../local/seed/artifacts.ts";
import { catalogueLines } from "../support/catalogue-lines.ts";

const schemas = join(import.meta.dirname, "../../components/catalogue/schema");

/**
 * Reads the catalogue of a running rehearsal as an independent program does, by its URLs and the committed schemas. Throws if a document does not
 * match its schema or the demo projects' promoted artifacts.
 */
export async function readCatalogue(base: string, { projects }: DemoArtifacts): Promise<void> {
  const ajv = new Ajv2020({ allErrors: true, formats: { "date-time": true } });
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(`${base}/${path}`);
    assert.equal(response.status, 200, path);
    return response;
  };
  const document = async <T>(path: string, format: string): Promise<T> => {
    const value: unknown = await (await get(path)).json();
    const validate = ajv.compile(JSON.parse(await readFile(join(schemas, `${format}.schema.json`), "utf8")) as object);
    assert.ok(validate(value), `${path} is no ${format}: ${ajv.errorsText(validate.errors)}`);
    return value as T;
  };

  await document("catalog/listing.json", "listing");
  const index = await document<{ projects: { name: string; document: string }[] }>("catalog/index.json", "index");
  assert.deepEqual(
    index.projects.map(({ name }) => name),
    projects.map(({ name }) => name).sort(),
  );
  const found: string[] = [];
  const own: string[] = [];
  for (const project of index.projects) {
    const { images, releases } = await document<Project>(project.document, "project");
    for (const { details } of images) {
      const { repository, versions } = await document<Image>(details, "image");
      for (const { digest, tags, platforms } of versions) {
        found.push(...tags.map((tag) => `${repository}:${tag} ${digest}`));
        for (const platform of platforms) if (platform.digest !== digest) own.push(`${repository} ${platform.digest}`);
      }
    }
    for (const { details } of releases) {
      const { files } = await document<Release>(details, "release");
      for (const { path, sha256 } of files) found.push(`${path} ${sha256}`);
    }
  }
  const promoted = projects.flatMap(({ name, images, files }) => [
    ...images.flatMap((image) =>
      image.releases
        .filter((release) => release.promoted)
        .flatMap(({ digest, tags }) => tags.map((tag) => `${name}/${image.name}:${tag} ${digest}`)),
    ),
    ...files.filter((file) => file.promoted).map(({ path, sha256 }) => `binaries/${name}/${path} ${sha256}`),
  ]);
  assert.deepEqual(found.sort(), promoted.sort());

  const read = async (key: string) => Buffer.from(await (await get(key)).arrayBuffer());
  const listed = (await catalogueLines(read)).flatMap((line) => {
    const [kind, , name, digest, ...tags] = line.split("\t");
    return kind === "file"
      ? [`${name} ${digest!.slice("sha256:".length)}`]
      : tags.map((tag) => `${name}:${tag} ${digest}`);
  });
  assert.deepEqual(listed.sort(), promoted.sort());

  const platforms = (await catalogueLines(read, "platforms")).flatMap((line) => {
    const [, , repository, , ...beginnings] = line.split("\t");
    return beginnings.map((digits) => `${repository} sha256:${digits}`);
  });
  assert.ok(own.length > 0, "the demo has images of several platforms");
  assert.deepEqual(platforms.sort(), own.map((one) => one.slice(0, one.indexOf("sha256:") + 7 + 16)).sort());
}

interface Project {
  readonly images: { readonly details: string }[];
  readonly releases: { readonly details: string }[];
}

interface Image {
  readonly repository: string;
  readonly versions: {
    readonly digest: string;
    readonly tags: string[];
    readonly platforms: { readonly digest: string }[];
  }[];
}

interface Release {
  readonly files: { readonly path: string; readonly sha256: string }[];
}
