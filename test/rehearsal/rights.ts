/** Who gets what in the emulated registries and buckets, by the grants that the program has made there, with the clients that people use. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { peerPath } from "../support/peers.ts";
import type { CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { type Claims, mayAssume, membersOf, tokenClaims } from "../support/token-exchange.ts";

const preview = "example/artifacts/.github/workflows/preview.yml@refs/heads/main";
const release = {
  sub: "repo:example/dotslash:ref:refs/tags/v1",
  repository_id: "1296269",
  ref: "refs/tags/v1",
  workflow_ref: "example/dotslash/.github/workflows/artifacts.yml@refs/tags/v1",
};
const byToken: Readonly<Record<string, Claims>> = {
  deploy: tokenClaims({ sub: "repo:example/artifacts:environment:production", environment: "production" }),
  preview: tokenClaims({
    sub: "repo:example/artifacts:pull_request",
    event_name: "pull_request_target",
    workflow_ref: preview,
    job_workflow_ref: preview,
  }),
  "dotslash's release build": tokenClaims(release),
  "dotslash's pull request": tokenClaims({ ...release, event_name: "pull_request", ref: "refs/pull/1/merge" }),
};
const byName: Readonly<Record<string, readonly string[]>> = {
  "dotslash's group": ["group:dotslash-maintainers@example.org"],
  "semver's group": ["group:semver-maintainers@example.org"],
};

/** What each of them gets: r reads, l lists, w writes; in the order of the columns. */
const expected: Readonly<Record<string, readonly string[]>> = {
  //                            images of        files of             layers
  //                            production dotslash semver  production dotslash  in S3
  anybody: ["rl", "", "", "r", "", "r"],
  deploy: ["rlw", "rl", "rl", "rlw", "rl", "rlw"],
  preview: ["rl", "rl", "rl", "rl", "rl", "rl"],
  "dotslash's release build": ["rl", "rlw", "", "r", "rlw", "r"],
  "dotslash's group": ["rl", "rlw", "", "r", "rlw", "r"],
  "semver's group": ["rl", "", "rlw", "r", "", "r"],
};

/** Asserts the table. The images and files that it pushes are left in staging; what it pushes to production it removes, but for one object in S3. */
export async function assertRights(drill: Drill): Promise<void> {
  const resources = await drill.resources();
  assert.deepEqual(membersOf(resources, byToken["dotslash's pull request"]!).filter(isRelease), [], "unreviewed code");
  const crane = await peerPath("crane");
  const repository = (location: string, id: string): string =>
    String(
      resources.find(
        ({ type, inputs }) =>
          type.endsWith(":Repository") && inputs["location"] === location && inputs["repositoryId"] === id,
      )!.computed["registryUri"],
    );
  const images = [
    repository("us-central1", "images"),
    repository("us", "staging-dotslash"),
    repository("us", "staging-semver"),
  ];
  const buckets = ["rehearsal-artifacts-us-central1", "rehearsal-staging-dotslash"];
  const layer = join(drill.workspace.folder, "empty.tar");
  await writeFile(layer, Buffer.alloc(1024));

  const owner = await clientOf(drill, "owner", undefined);
  for (const uri of images.slice(1)) await owner.crane(crane, "append", "-f", layer, "-t", `${uri}/drill:1`);
  await owner.upload(buckets[1]!, "drill");
  const [tag] = (await owner.crane(crane, "ls", `${images[0]}/semver/semver`)).trim().split("\n");
  const read = [`${images[0]}/semver/semver:${tag}`, `${images[1]}/drill:1`, `${images[2]}/drill:1`];
  const [object] = await owner.list(buckets[0]!);

  await drill.guard(true);
  try {
    const table = await Promise.all(
      Object.keys(expected).map(async (who) => {
        const given = byToken[who];
        const members = given ? membersOf(resources, given) : (byName[who] ?? []);
        const awsRole = given && rolesOf(resources, given)[0];
        const token = who === "anybody" ? undefined : await drill.token({ members, ...(awsRole && { awsRole }) });
        const client = await clientOf(drill, who, token);
        const may = async (letter: string, act: () => Promise<unknown>): Promise<string> =>
          act().then(
            () => letter,
            (error: Error) => {
              assert.match(
                error.message,
                /DENIED|UNAUTHORIZED|403 Forbidden|AccessDenied|Access Denied|HTTP 40[13]/,
                `${who} ${letter}: ${error.message}`,
              );
              return "";
            },
          );
        const ofImages = images.map(async (uri, index) => [
          await may("r", () => client.crane(crane, "digest", read[index]!)),
          await may("l", () => client.crane(crane, "ls", read[index]!.slice(0, read[index]!.lastIndexOf(":")))),
          await may("w", () => client.crane(crane, "append", "-f", layer, "-t", `${uri}/drill:${slug(who)}`)),
        ]);
        const ofFiles = buckets.map(async (bucket, index) => [
          await may("r", () => client.get(bucket, index === 0 ? object! : "drill")),
          await may("l", () => client.list(bucket)),
          await may("w", () => client.upload(bucket, `drill-${slug(who)}`)),
        ]);
        const ofLayers = [
          may("r", () => client.s3(new GetObjectCommand({ Bucket: s3Bucket, Key: listed }), `/${listed}`)),
          may("l", () => client.s3(new ListObjectsV2Command({ Bucket: s3Bucket, MaxKeys: 1 }), "?list-type=2")),
          may("w", () =>
            client.s3(new PutObjectCommand({ ...made, Body: "drill" }), "/drill", { method: "PUT", body: "drill" }),
          ),
        ];
        const cells = await Promise.all([...ofImages, ...ofFiles, Promise.all(ofLayers)]);
        return [who, cells.map((letters) => letters.join(""))] as const;
      }),
    );
    assert.deepEqual(Object.fromEntries(table), expected);
    const removed = await clientOf(
      drill,
      "deploy",
      await drill.token({ members: membersOf(resources, byToken["deploy"]!) }),
    );
    await removed.crane(crane, "delete", `${images[0]}/drill:deploy`);
    await removed.remove(buckets[0]!, "drill-deploy");
    await assert.rejects(owner.crane(crane, "digest", `${images[0]}/drill:deploy`), /UNKNOWN|404/);
  } finally {
    await drill.guard(false);
  }
}

const s3Bucket = "rehearsal-artifacts-us-east-1";
/** Of the catalogue: every file mirror has it. */
const listed = "catalog/listing.json";
const made = { Bucket: s3Bucket, Key: "drill" };
type S3Command = ListObjectsV2Command | PutObjectCommand | GetObjectCommand;

function isRelease(member: string): boolean {
  return /attribute\.release\/(?!none$)/.test(member);
}

function rolesOf(resources: readonly CloudResource[], given: Claims): string[] {
  return resources
    .filter(({ type, inputs }) => type === "aws:iam/role:Role" && mayAssume(String(inputs["assumeRolePolicy"]), given))
    .map(({ inputs }) => String(inputs["name"]));
}

function slug(who: string): string {
  return who.replaceAll(/\W+/g, "-");
}

/** crane with the token as Docker's login has it, requests of Cloud Storage's APIs, and the official S3 client. */
async function clientOf(drill: Drill, who: string, token: string | undefined) {
  const { gcs } = drill.cloud.endpoints;
  const folder = join(drill.workspace.folder, "docker", slug(who));
  await mkdir(folder, { recursive: true });
  const auth = Buffer.from(`oauth2accesstoken:${token}`).toString("base64");
  const hosts = Object.values(await drill.registries()).map((port) => `127.0.0.1:${port}`);
  const auths = token === undefined ? {} : Object.fromEntries(hosts.map((host) => [host, { auth }]));
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths }));
  const { s3Endpoint: endpoint, awsCredentials } = drill.rehearsal;
  const credentials = token === undefined ? awsCredentials : { accessKeyId: token, secretAccessKey: "not checked" };
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${gcs}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
    return response;
  };
  const s3 = new S3Client({ endpoint, region: "us-east-1", credentials, forcePathStyle: true, maxAttempts: 1 });
  return {
    crane: async (crane: string, ...args: string[]): Promise<string> =>
      (await promisify(execFile)(crane, args, { env: { ...process.env, DOCKER_CONFIG: folder } })).stdout,
    // What anybody reads they read at the public URL.
    get: (bucket: string, name: string) =>
      send(token === undefined ? `/${bucket}/${name}` : `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`),
    list: async (bucket: string): Promise<string[]> => {
      const { items = [] } = (await (await send(`/storage/v1/b/${bucket}/o?maxResults=1`)).json()) as {
        items?: { name: string }[];
      };
      return items.map(({ name }) => name);
    },
    upload: (bucket: string, name: string) =>
      send(`/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${name}`, { method: "POST", body: "drill" }),
    remove: (bucket: string, name: string) => send(`/storage/v1/b/${bucket}/o/${name}`, { method: "DELETE" }),
    /** Without a token: without a signature. */
    s3: async (command: S3Command, anonymous: string, init: RequestInit = {}): Promise<void> => {
      if (token !== undefined) {
        await s3.send(command as never);
        return;
      }
      const response = await fetch(`${endpoint}/${s3Bucket}${anonymous}`, init);
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
    },
  };
}
