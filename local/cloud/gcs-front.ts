import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { DataAction } from "./access.ts";
import { endToEndHeaders, forward } from "./forward.ts";
import type { Guard } from "./guard.ts";
import type { CloudInventory } from "./inventory.ts";
import { texts } from "./values.ts";

/** Roles that allow reading objects, and whether they also allow listing (cloud.google.com/storage/docs/access-control/iam-roles). */
const readers: Readonly<Record<string, { readonly lists: boolean }>> = {
  "roles/storage.legacyObjectReader": { lists: false },
  "roles/storage.objectViewer": { lists: true },
  "roles/storage.objectUser": { lists: true },
  "roles/storage.objectAdmin": { lists: true },
  "roles/storage.admin": { lists: true },
};

/**
 * The front of Cloud Storage, which adds permissions to the server behind it. Public URLs (`/<bucket>/<object>`, the XML API) answer only if the
 * program granted allUsers read access. The JSON API is for callers with permissions: with a guard it is asked, else they are passed through.
 */
export function gcsFront(inventory: CloudInventory, port: number, guard?: Guard): RequestListener {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (guard?.on === true && (await answeredByGuard(guard, port, request, response))) return;
    const refusal = publicRefusal(inventory, request);
    if (refusal !== undefined) refuse(response, refusal);
    else await forward(request, response, { port, headers: endToEndHeaders(request.rawHeaders) });
  };
  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, { status: 503, code: "ServiceUnavailable", message: (error as Error).message });
    });
  };
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Why anonymous access is refused; undefined if it is allowed, or if the request is not for a public URL. */
function publicRefusal(inventory: CloudInventory, request: IncomingMessage): Refusal | undefined {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const [, first = "", ...rest] = path.split("/");
  if (interfaces.has(first)) return undefined;
  const bucket = decodeURIComponent(first);
  const found = inventory.find("gcp:storage/bucket:Bucket", bucket);
  if (found === undefined)
    return { status: 404, code: "NoSuchBucket", message: "The specified bucket does not exist." };
  const right = rest.join("/") === "" ? "storage.objects.list" : "storage.objects.get";
  const granted = inventory.list().some(({ type, inputs }) => {
    const role = readers[String(inputs["role"])];
    if (!type.startsWith("gcp:storage/bucketIAM") || role === undefined) return false;
    if (String(inputs["bucket"]).replace(/^b\//, "") !== bucket) return false;
    if (right === "storage.objects.list" && !role.lists) return false;
    return [inputs["member"], ...texts(inputs["members"])].includes("allUsers");
  });
  const reads = request.method === "GET" || request.method === "HEAD";
  if (granted && reads && found.inputs["publicAccessPrevention"] !== "enforced") return undefined;
  const needed = reads ? right : "storage.objects.create";
  const message = `Anonymous caller does not have ${needed} access to the Google Cloud Storage bucket ${bucket}.`;
  return { status: 403, code: "AccessDenied", message };
}

/** Answers what the guard knows or refuses of the JSON API. @returns false: the request goes on. */
async function answeredByGuard(
  guard: Guard,
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const { url = "/", method = "GET", headers } = request;
  const { pathname, searchParams } = new URL(url, "http://gcs");
  const asked = /^\/storage\/v1\/b\/([^/]+)\/iam\/testPermissions$/.exec(pathname);
  if (asked !== null) {
    const store = { kind: "gcs", bucket: decodeURIComponent(asked[1]!) } as const;
    const permissions = searchParams
      .getAll("permissions")
      .filter((name) => guard.denial(headers, actions[name] ?? "set policy", store) === undefined);
    json(response, 200, permissions.length === 0 ? {} : { permissions });
    return true;
  }
  // The metadata of a multipart upload may be the only place that names the object.
  if (searchParams.get("uploadType") === "multipart" && !searchParams.has("name"))
    searchParams.set("name", await nameInMetadata(request));
  for (const { bucket, key, action } of await accessesOf(port, pathname, searchParams, method)) {
    const denied = guard.denial(headers, action, { kind: "gcs", bucket, ...(key !== undefined && { key }) });
    if (denied === undefined) continue;
    const { status, message } = denied;
    json(response, status, {
      error: { code: status, message, errors: [{ reason: status === 401 ? "authError" : "forbidden" }] },
    });
    return true;
  }
  return false;
}

/** Permissions on objects (Cloud Storage docs, "IAM permissions for JSON methods"). */
const actions: Readonly<Record<string, DataAction>> = {
  "storage.objects.get": "read",
  "storage.objects.list": "list",
  "storage.objects.create": "write",
  "storage.objects.delete": "delete",
};

interface Access {
  readonly bucket: string;
  /** Of the object; undefined: it is named elsewhere, or the request is about the bucket. */
  readonly key?: string | undefined;
  readonly action: DataAction;
}

/** What a request of the JSON API does with objects; none: it is about a bucket, or no request of this API. */
async function accessesOf(
  port: number,
  pathname: string,
  query: URLSearchParams,
  method: string,
): Promise<readonly Access[]> {
  const [, bucketPart, objectPart, copy] =
    /^\/(?:upload\/|download\/)?storage\/v1\/b\/([^/]+)\/o(\/[^/]+)?(\/(?:rewriteTo|copyTo)\/b\/[^/]+\/o\/[^/]+)?/.exec(
      pathname,
    ) ?? [];
  if (bucketPart === undefined) return [];
  const bucket = decodeURIComponent(bucketPart);
  const object = objectPart === undefined ? undefined : decodeURIComponent(objectPart.slice(1));
  const writes = (at: Omit<Access, "action">) => writesOf(port, at, query);
  if (copy !== undefined) {
    const [to = "", , key = ""] = copy.split("/").slice(3).map(decodeURIComponent);
    return [{ bucket, key: object, action: "read" }, ...(await writes({ bucket: to, key }))];
  }
  if (method === "DELETE") return [{ bucket, key: object, action: "delete" }];
  if (method !== "GET" && method !== "HEAD")
    return await writes({ bucket, key: object ?? query.get("name") ?? undefined });
  return [{ bucket, key: object, action: object === undefined ? "list" : "read" }];
}

/** The object's name in the metadata with which the body of a multipart upload begins. The body stays as it was. */
async function nameInMetadata(request: IncomingMessage): Promise<string> {
  let start = Buffer.alloc(0);
  let found: RegExpExecArray | null = null;
  while (found === null && !request.readableEnded && start.length < 64 * 1024) {
    const chunk = request.read() as Buffer | null;
    if (chunk === null) await once(request, "readable");
    else start = Buffer.concat([start, chunk]);
    found = /"name":\s*("(?:[^"\\]|\\.)*")/.exec(start.toString("utf8"));
  }
  request.unshift(start);
  return found === null ? "" : String(JSON.parse(found[1]!));
}

/**
 * Cloud Storage asks for the right to delete where an upload takes the place of an object ("IAM permissions for JSON methods", `objects.insert`; so for
 * rewrites). Under `ifGenerationMatch=0` none does: it is refused where one is there.
 */
async function writesOf(port: number, at: Omit<Access, "action">, query: URLSearchParams): Promise<readonly Access[]> {
  const write = { ...at, action: "write" } as const;
  if (at.key === undefined || query.get("ifGenerationMatch") === "0" || query.has("upload_id")) return [write];
  const url = `http://127.0.0.1:${port}/storage/v1/b/${at.bucket}/o/${encodeURIComponent(at.key)}`;
  const { ok, body } = await fetch(url);
  await body?.cancel();
  return ok ? [write, { ...at, action: "delete" }] : [write];
}

function json(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** First path segments of APIs: these are not buckets. */
const interfaces = new Set(["storage", "upload", "download", "batch", "resumable", "_internal"]);

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  const body = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, {
    "content-type": "application/xml; charset=UTF-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
