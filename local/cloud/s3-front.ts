import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { DataAction } from "./access.ts";
import { endToEndHeaders, forward } from "./forward.ts";
import type { Guard } from "./guard.ts";
import type { CloudInventory } from "./inventory.ts";
import { type SigningKey, s3Signature } from "./s3-signature.ts";
import { text } from "./values.ts";

/** What signatures name as the region of a bucket at R2 ("S3 API compatibility", "Bucket region"). */
export const r2Region = "auto";

/** The region of an S3 bucket in the inventory, or of one at R2. Bucket names are globally unique. */
export function bucketRegion(inventory: CloudInventory, name: string): string | undefined {
  const found = inventory.find("aws:s3/bucket:Bucket", name);
  if (found === undefined && inventory.find("cloudflare:index/r2Bucket:R2Bucket", name)) return r2Region;
  return found && text(found.inputs, "region", found.config);
}

/** What the front needs from the cloud. */
export interface S3Regions {
  /** The region of a bucket; undefined if the bucket does not exist. */
  bucketRegion(bucket: string): string | undefined;
  /** The port of the S3 server of a region. */
  gateway(region: string): Promise<number>;
}

/**
 * One S3 endpoint for all regions, path style. A signed request goes to the region of its signature, an anonymous one to its bucket's region.
 * If a bucket is in another region than the signature, the response is S3's error (AuthorizationHeaderMalformed). With a guard, the keys that it has
 * issued stand for their bearers: what they may do is sent on in the owner's name.
 */
export function s3Front(regions: S3Regions, guard?: Guard, owner?: SigningKey): RequestListener {
  return (request, response) => {
    forwardToRegion(regions, request, response, guard, owner).catch((error: unknown) => {
      // A server may refuse an upload and close the connection before it has read the body, as S3 does.
      const isBroken = /^(ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? "");
      if (response.headersSent || isBroken) response.destroy();
      else refuse(response, 503, "ServiceUnavailable", (error as Error).message);
    });
  };
}

async function forwardToRegion(
  regions: S3Regions,
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard | undefined,
  owner: SigningKey | undefined,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://s3");
  const bucket = decodeURIComponent(url.pathname.split("/")[1] ?? "");
  const home = bucket === "" ? undefined : regions.bucketRegion(bucket);
  const signed = signedRegion(request.headers.authorization ?? url.searchParams.get("X-Amz-Credential") ?? "");
  if (signed === undefined && home === undefined) {
    refuse(response, 404, "NoSuchBucket", "The specified bucket does not exist");
    return;
  }
  if (signed !== undefined && home !== undefined && signed !== home) {
    response.setHeader("x-amz-bucket-region", home);
    const message = `The authorization header is malformed; the region '${signed}' is wrong; expecting '${home}'`;
    refuse(response, 400, "AuthorizationHeaderMalformed", message);
    return;
  }
  const port = await regions.gateway(signed ?? home!);
  const headers = endToEndHeaders(request.rawHeaders);
  const requester = guard?.bearer(keyIn(request.headers.authorization ?? ""));
  if (guard === undefined || requester === undefined || owner === undefined) {
    await forward(request, response, { port, headers });
    return;
  }
  const { method = "GET", url: path = "/" } = request;
  if (guard.on && !guard.allows(requester, actionOf(method, url), { kind: "s3", bucket })) {
    refuse(response, 403, "AccessDenied", "Access Denied");
    return;
  }
  const kept = headers.filter(
    ([name]) => !/^(authorization|x-amz-date|x-amz-content-sha256|x-amz-security-token)$/i.test(name),
  );
  const signature = s3Signature(owner, { method, path, region: signed ?? home!, headers: kept });
  await forward(request, response, { port, headers: [...kept, ...signature] });
}

/** The id of the access key that signs a request. */
function keyIn(authorization: string): string {
  return /Credential=([^/,\s]+)\//.exec(authorization)?.[1] ?? "";
}

function actionOf(method: string, { pathname, searchParams }: URL): DataAction {
  const isObject = pathname.split("/").slice(2).join("/") !== "";
  if (searchParams.has("policy") && method !== "GET") return "set policy";
  // AbortMultipartUpload has a permission of its own, for who may upload (Service Authorization Reference, "Actions defined by Amazon S3").
  if (method === "DELETE") return searchParams.has("uploadId") ? "write" : "delete";
  if (method !== "GET" && method !== "HEAD") return "write";
  return isObject ? "read" : "list";
}

/** The region in a Signature Version 4 credential scope `<key>/<date>/<region>/s3/aws4_request`. */
function signedRegion(text: string): string | undefined {
  return /(?:^|Credential=)[^/,\s]+\/\d{8}\/([a-z0-9-]+)\/s3\/aws4_request/.exec(text)?.[1];
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const escaped = message.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escaped}</Message></Error>`,
  );
}
