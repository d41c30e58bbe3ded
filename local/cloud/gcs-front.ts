import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { endToEndHeaders, forward } from "./forward.ts";
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
 * program granted allUsers read access. The JSON API is for callers with permissions and is passed through.
 */
export function gcsFront(inventory: CloudInventory, port: number): RequestListener {
  return (request, response) => {
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
