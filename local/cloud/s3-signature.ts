import { createHash, createHmac } from "node:crypto";

/** What a request is signed with. */
export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * The headers that sign a request of S3, whose body is not part of it (Amazon S3 API, "Authenticating Requests", Signature Version 4).
 * @param path as it is sent, with its query.
 * @param headers those of the request: S3 wants `x-amz-*` and the type signed.
 */
export function s3Signature(
  key: SigningKey,
  {
    method,
    path,
    region,
    headers,
  }: { method: string; path: string; region: string; headers: readonly (readonly [string, string])[] },
  now = new Date(),
): [string, string][] {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const payload = "UNSIGNED-PAYLOAD";
  const own: [string, string][] = [
    ["x-amz-date", time],
    ["x-amz-content-sha256", payload],
  ];
  const signed = [...headers.filter(([name]) => /^(host|content-type|content-md5|x-amz-.*)$/i.test(name)), ...own]
    .map(([name, value]) => [name.toLowerCase(), value.trim()] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const signedHeaders = signed.map(([name]) => name).join(";");
  const [pathname = "/", query = ""] = path.split("?", 2);
  const parameters = query === "" ? [] : query.split("&").map((one) => (one.includes("=") ? one : `${one}=`));
  const canonical = [
    method,
    pathname,
    parameters.sort().join("&"),
    signed.map(([name, value]) => `${name}:${value}\n`).join(""),
    signedHeaders,
    payload,
  ].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const derived = scope
    .split("/")
    .reduce<string | Buffer>(
      (secret, part) => createHmac("sha256", secret).update(part).digest(),
      `AWS4${key.secretAccessKey}`,
    );
  const signature = createHmac("sha256", derived).update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash}`).digest("hex");
  return [
    ...own,
    [
      "authorization",
      `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    ],
  ];
}
