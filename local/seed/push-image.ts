/** Pushes one image to a registry over the OCI distribution API (distribution-spec, "Push"). */
import { type Dispatcher, request } from "undici";
import { type Descriptor, type DigestedContent, descriptor, jsonContent } from "./content.ts";
import type { DemoImage, DemoManifest } from "./demo-project.ts";
import { mediaTypes } from "./image.ts";
import type { PushSummary } from "./pushed.ts";
import { type StagingRepository, stagingRepository } from "./repository.ts";

/** Pushes what the repository lacks. Throws an error that names the image, the step and the registry's response. */
export async function pushImage(
  dispatcher: Dispatcher,
  image: DemoImage,
  registryUri: string,
  say: (line: string) => void,
): Promise<PushSummary> {
  const to = stagingRepository(registryUri, image.name);
  const names = (manifest: DemoManifest): readonly string[] =>
    manifest.tags.length > 0 ? manifest.tags : [manifest.content.digest];
  const lacking = new Set<string>();
  await Promise.all(
    image.manifests.map(async (manifest) => {
      const found = await Promise.all(names(manifest).map((name) => manifestDigest(dispatcher, to, name)));
      if (found.some((digest) => digest !== manifest.content.digest)) lacking.add(manifest.content.digest);
    }),
  );
  const items = image.releases.length;
  if (lacking.size === 0) return { items, pushed: 0, bytes: 0 };

  const blobs = [...new Map(image.blobs.map((blob) => [blob.digest, blob])).values()];
  const sent = await Promise.all(blobs.map((blob) => pushBlob(dispatcher, to, blob)));
  let bytes = sent.reduce((sum, size) => sum + size, 0);
  for (const manifest of image.manifests) {
    if (!lacking.has(manifest.content.digest)) continue;
    for (const name of names(manifest)) await pushManifest(dispatcher, to, name, manifest);
    bytes += manifest.content.bytes.length;
  }
  const pushed = image.releases.filter(({ digest }) => lacking.has(digest));
  for (const { digest, tags } of pushed) say(`${registryUri}/${image.name}:${tags.join(",")} ${digest}`);
  return { items, pushed: pushed.length, bytes };
}

/** The digest of a tag or digest in the repository; undefined if it does not exist. */
async function manifestDigest(
  dispatcher: Dispatcher,
  to: StagingRepository,
  reference: string,
): Promise<string | undefined> {
  const url = `${to.url}/manifests/${reference}`;
  const { statusCode, headers, body } = await request(url, {
    dispatcher,
    method: "HEAD",
    headers: { accept: `${mediaTypes.index}, ${mediaTypes.manifest}` },
  });
  await body.dump();
  if (statusCode === 404) return undefined;
  if (statusCode !== 200) throw new Error(`HEAD ${url}: ${statusCode}`);
  return String(headers["docker-content-digest"]);
}

/** Pushes one blob. Returns the number of bytes sent: 0 if the repository has it. */
async function pushBlob(
  dispatcher: Dispatcher,
  to: StagingRepository,
  { digest, bytes }: DigestedContent,
): Promise<number> {
  const url = `${to.url}/blobs/${digest}`;
  const { statusCode, body } = await request(url, { dispatcher, method: "HEAD" });
  await body.dump();
  if (statusCode === 200) return 0;
  if (statusCode !== 404) throw new Error(`HEAD ${url}: ${statusCode}`);
  const start = await request(`${to.url}/blobs/uploads/`, { dispatcher, method: "POST" });
  await expectStatus(start, 202, `starting the upload of ${digest} to ${to.name}`);
  const location = new URL(String(start.headers["location"]), `${to.url}/blobs/uploads/`); // may be relative
  location.searchParams.set("digest", digest);
  const put = await request(location, {
    dispatcher,
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: bytes,
  });
  await expectStatus(put, 201, `uploading ${digest} to ${to.name}`);
  return bytes.length;
}

async function pushManifest(
  dispatcher: Dispatcher,
  to: StagingRepository,
  reference: string,
  { content, refersTo }: DemoManifest,
): Promise<void> {
  const put = await request(`${to.url}/manifests/${reference}`, {
    dispatcher,
    method: "PUT",
    headers: { "content-type": content.mediaType },
    body: content.bytes,
  });
  await expectStatus(put, 201, `pushing the manifest ${content.digest} at ${to.name}:${reference}`);
  // A registry without the referrers API does not send OCI-Subject. The client then maintains an index of the referrers at a tag made of
  // the subject's digest (distribution-spec, "Referrers Tag Schema").
  if (refersTo && put.headers["oci-subject"] === undefined) {
    const tag = refersTo.subject.replace(":", "-");
    const others = (await referrersAt(dispatcher, to, tag)).filter(({ digest }) => digest !== content.digest);
    const manifests = [...others, { ...descriptor(content), artifactType: refersTo.artifactType }];
    const index = jsonContent(mediaTypes.index, { schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    await pushManifest(dispatcher, to, tag, { content: index, tags: [] });
  }
}

/** The entries of an index of referrers; empty if the tag does not exist. */
async function referrersAt(dispatcher: Dispatcher, to: StagingRepository, tag: string): Promise<readonly Descriptor[]> {
  const url = `${to.url}/manifests/${tag}`;
  const { statusCode, body } = await request(url, { dispatcher, headers: { accept: mediaTypes.index } });
  const text = await body.text();
  if (statusCode === 404) return [];
  if (statusCode !== 200) throw new Error(`GET ${url}: ${statusCode} ${text.slice(0, 500)}`.trimEnd());
  return (JSON.parse(text) as { manifests: readonly Descriptor[] }).manifests;
}

async function expectStatus(response: Dispatcher.ResponseData, wanted: number, doing: string): Promise<void> {
  const text = await response.body.text();
  if (response.statusCode === wanted) return;
  throw new Error(`${doing}: the registry answered ${response.statusCode} ${text.slice(0, 500)}`.trimEnd());
}
