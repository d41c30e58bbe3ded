import { openAsBlob } from "node:fs";
import { resolve } from "node:path";
import { object, text } from "../values.ts";
import { type Behaviour, type CloudParts, ConflictError } from "./behaviour.ts";

/** `gcp:storage/bucket:Bucket`: a bucket of the Cloud Storage server. */
export function bucket({ servers }: CloudParts): Behaviour {
  return {
    async create({ inputs, config }) {
      const name = text(inputs, "name");
      const url = `${servers.gcsServer}/storage/v1/b?project=${encodeURIComponent(text(inputs, "project", config))}`;
      // 409: a client uploaded to the bucket before the program ran. The inventory decides what exists.
      await call(url, { method: "POST", body: JSON.stringify({ name, location: inputs["location"] }) }, [409]);
      return {};
    },
    async delete({ inputs }) {
      const name = text(inputs, "name");
      const url = `${servers.gcsServer}/storage/v1/b/${encodeURIComponent(name)}`;
      for await (const object of listObjects(servers.gcsServer, name)) {
        if (inputs["forceDestroy"] !== true) {
          throw new ConflictError(
            `Error trying to delete bucket ${name} containing objects without \`forceDestroy\` set to true ` +
              "(googleapi: Error 409: The bucket you tried to delete is not empty., conflict)",
          );
        }
        await call(`${url}/o/${encodeURIComponent(object)}`, { method: "DELETE" }, [404]);
      }
      await call(url, { method: "DELETE" }, [404]);
    },
  };
}

/** `gcp:storage/bucketObject:BucketObject`: uploads `content`, or the file or archive of `source`. */
export function bucketObject({ servers }: CloudParts): Behaviour {
  const upload: NonNullable<Behaviour["create"]> = async ({ inputs, config }) => {
    const [bucketName, name] = [text(inputs, "bucket"), text(inputs, "name")];
    const query = new URLSearchParams({ uploadType: "media", name });
    const response = await call(
      `${servers.gcsServer}/upload/storage/v1/b/${encodeURIComponent(bucketName)}/o?${query}`,
      {
        method: "POST",
        headers: { "content-type": String(inputs["contentType"] ?? "application/octet-stream") },
        body: await body(inputs, String(config["__folder"] ?? ".")),
      },
    );
    const stored = (await response.json()) as Record<string, string>;
    const md5 = stored["md5Hash"] ?? "";
    const metadata = pick(inputs, [
      "cacheControl",
      "contentDisposition",
      "contentEncoding",
      "contentLanguage",
      "metadata",
    ]);
    if (Object.keys(metadata).length > 0) {
      await call(`${servers.gcsServer}/storage/v1/b/${encodeURIComponent(bucketName)}/o/${encodeURIComponent(name)}`, {
        method: "PATCH",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(metadata),
      });
    }
    return {
      generation: Number(stored["generation"]),
      crc32c: stored["crc32c"] ?? "",
      md5hash: md5,
      md5hexhash: Buffer.from(md5, "base64").toString("hex"),
      detectMd5hash: md5,
      mediaLink: `${servers.gcs}/download/storage/v1/b/${bucketName}/o/${encodeURIComponent(name)}?alt=media`,
      selfLink: `https://www.googleapis.com/storage/v1/b/${bucketName}/o/${encodeURIComponent(name)}`,
    };
  };
  return {
    create: upload,
    update: upload,
    async delete({ inputs }) {
      const [bucketName, name] = [text(inputs, "bucket"), text(inputs, "name")];
      const url = `${servers.gcsServer}/storage/v1/b/${encodeURIComponent(bucketName)}/o/${encodeURIComponent(name)}`;
      await call(url, { method: "DELETE" }, [404]);
    },
  };
}

/** The MD5 of an object's content, in hexadecimal digits. Throws if the object does not exist. */
export async function objectMd5(gcs: string, bucketName: string, name: string): Promise<string> {
  const url = `${gcs}/storage/v1/b/${encodeURIComponent(bucketName)}/o/${encodeURIComponent(name)}`;
  const { md5Hash } = (await (await call(url, { method: "GET" })).json()) as { md5Hash: string };
  return Buffer.from(md5Hash, "base64").toString("hex");
}

/** Downloads an object. Throws an error that names it if it does not exist. */
export async function download(gcs: string, bucketName: string, name: string): Promise<Buffer> {
  const url = `${gcs}/storage/v1/b/${encodeURIComponent(bucketName)}/o/${encodeURIComponent(name)}?alt=media`;
  const response = await call(url, { method: "GET" });
  return Buffer.from(await response.arrayBuffer());
}

/** @param folder the program's directory, to which paths are relative. */
async function body(inputs: Record<string, unknown>, folder: string): Promise<string | Blob> {
  if (typeof inputs["content"] === "string") return inputs["content"];
  const source = object(inputs["source"]);
  if (typeof source["text"] === "string") return source["text"];
  if (typeof source["path"] === "string") {
    try {
      return await openAsBlob(resolve(folder, source["path"]));
    } catch (error) {
      throw new Error(`The source of the object cannot be read: ${source["path"]} (${(error as Error).message})`);
    }
  }
  throw new Error(
    "The emulated cloud uploads only a file, a text, or an archive that is one file as the source of an object.",
  );
}

/** The names of a bucket's objects; none if there is no bucket. */
export async function* listObjects(gcs: string, name: string): AsyncGenerator<string> {
  let page: string | undefined = "";
  while (page !== undefined) {
    const url = `${gcs}/storage/v1/b/${encodeURIComponent(name)}/o?maxResults=1000&pageToken=${encodeURIComponent(page)}`;
    const response = await call(url, { method: "GET" }, [404]);
    const list = (await response.json()) as { items?: { name: string }[]; nextPageToken?: string };
    for (const item of list.items ?? []) yield item.name;
    page = list.nextPageToken;
  }
}

async function call(url: string, init: RequestInit, tolerated: readonly number[] = []): Promise<Response> {
  const response = await fetch(url, init);
  if (response.ok || tolerated.includes(response.status)) return response;
  const answer = await response.text();
  throw new Error(`googleapi: Error ${response.status}: ${new URL(url).pathname}: ${answer.trim().slice(0, 500)}`);
}

function pick(values: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]));
}
