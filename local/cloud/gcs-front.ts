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
  return (request, response) => {
    if (guard?.on === true && answeredByGuard(guard, request, response)) return;
    const refusal = publicRefusal(inventory, request);
    if (refusal !== undefined) {
      refuse(response, refusal);
      return;
    }
    forward(request, response, { port, headers: endToEndHeaders(request.rawHeaders) }).catch((error: unknown) => {
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
function answeredByGuard(
  guard: Guard,
  { url = "/", method = "GET", headers }: IncomingMessage,
  response: ServerResponse,
): boolean {
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
  for (const { bucket, action } of accessesOf(pathname, method)) {
    const denied = guard.denial(headers, action, { kind: "gcs", bucket });
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

/** What a request of the JSON API does with objects; none: it is about a bucket, or no request of this API. */
function accessesOf(pathname: string, method: string): { bucket: string; action: DataAction }[] {
  const [, bucket, object, copy] =
    /^\/(?:upload\/|download\/)?storage\/v1\/b\/([^/]+)\/o(\/[^/]+)?(\/(?:rewriteTo|copyTo)\/b\/[^/]+)?/.exec(
      pathname,
    ) ?? [];
  if (bucket === undefined) return [];
  const of = (name: string, action: DataAction) => ({ bucket: decodeURIComponent(name), action });
  if (copy !== undefined) return [of(bucket, "read"), of(copy.slice(copy.lastIndexOf("/") + 1), "write")];
  if (method === "DELETE") return [of(bucket, "delete")];
  if (method !== "GET" && method !== "HEAD") return [of(bucket, "write")];
  return [of(bucket, object === undefined ? "list" : "read")];
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
