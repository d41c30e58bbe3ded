import type * as S3 from "@aws-sdk/client-s3";
import { bucketRegion } from "../s3-front.ts";
import { object, text } from "../values.ts";
import { type Behaviour, type CloudParts, ConflictError } from "./behaviour.ts";

/** `aws:s3/bucket:Bucket`: a bucket of the S3 server of its region. */
export function s3Bucket(parts: CloudParts): Behaviour {
  return {
    async create({ inputs, config }) {
      const region = text(inputs, "region", config);
      const name = text(inputs, "bucket");
      await withS3Client(parts, region, async (sdk, client) => {
        await client.send(new sdk.CreateBucketCommand({ Bucket: name })).catch((error: Error) => {
          // A client created the bucket before the program ran. The inventory decides what exists.
          if (error.name !== "BucketAlreadyOwnedByYou" && error.name !== "BucketAlreadyExists") throw error;
        });
      });
      return {};
    },
    async delete({ inputs, config }) {
      const name = text(inputs, "bucket");
      await withS3Client(parts, text(inputs, "region", config), async (sdk, client) => {
        for (;;) {
          const list = await client.send(new sdk.ListObjectVersionsCommand({ Bucket: name }));
          const found = [...(list.Versions ?? []), ...(list.DeleteMarkers ?? [])];
          if (found.length === 0) break;
          if (inputs["forceDestroy"] !== true) {
            throw new ConflictError(
              `deleting S3 Bucket (${name}): operation error S3: DeleteBucket, https response error StatusCode: 409, ` +
                "api error BucketNotEmpty: The bucket you tried to delete is not empty",
            );
          }
          const Objects = found.map(({ Key, VersionId }) => ({ Key, VersionId }));
          await client.send(new sdk.DeleteObjectsCommand({ Bucket: name, Delete: { Objects, Quiet: true } }));
        }
        await client.send(new sdk.DeleteBucketCommand({ Bucket: name }));
      });
    },
  };
}

/** `aws:s3/bucketPolicy:BucketPolicy`: the S3 server enforces the policy. */
export function s3BucketPolicy(parts: CloudParts): Behaviour {
  return setting(parts, {
    apply: (sdk, client, bucket, inputs) => {
      const policy = enforceable(inputs["policy"]);
      if (policy !== undefined && publicPolicyBlocked(parts, bucket)) {
        throw new Error(
          `putting S3 Bucket (${bucket}) Policy: operation error S3: PutBucketPolicy, https response error StatusCode: 403, ` +
            "api error AccessDenied: public policies are blocked by the BlockPublicPolicy block public access setting.",
        );
      }
      return policy === undefined
        ? client.send(new sdk.DeleteBucketPolicyCommand({ Bucket: bucket }))
        : client.send(new sdk.PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }));
    },
    remove: (sdk, client, bucket) => client.send(new sdk.DeleteBucketPolicyCommand({ Bucket: bucket })),
  });
}

/** `aws:s3/bucketVersioning:BucketVersioning`. */
export function s3BucketVersioning(parts: CloudParts): Behaviour {
  const put = (sdk: typeof S3, client: S3.S3Client, bucket: string, status: unknown): Promise<unknown> =>
    client.send(
      new sdk.PutBucketVersioningCommand({
        Bucket: bucket,
        VersioningConfiguration: { Status: status === "Enabled" ? "Enabled" : "Suspended" },
      }),
    );
  return setting(parts, {
    apply: (sdk, client, bucket, inputs) =>
      put(sdk, client, bucket, object(inputs["versioningConfiguration"])["status"]),
    remove: (sdk, client, bucket) => put(sdk, client, bucket, "Suspended"),
  });
}

/** `aws:s3/bucketCorsConfiguration:BucketCorsConfiguration`: the S3 server applies the rules. */
export function s3BucketCors(parts: CloudParts): Behaviour {
  const list = (value: unknown): string[] | undefined => (Array.isArray(value) ? value.map(String) : undefined);
  return setting(parts, {
    apply: (sdk, client, bucket, inputs) => {
      const rules = Array.isArray(inputs["corsRules"]) ? inputs["corsRules"].map(object) : [];
      const CORSRules = rules.map((rule) => ({
        AllowedOrigins: list(rule["allowedOrigins"]),
        AllowedMethods: list(rule["allowedMethods"]),
        AllowedHeaders: list(rule["allowedHeaders"]),
        ExposeHeaders: list(rule["exposeHeaders"]),
        MaxAgeSeconds: typeof rule["maxAgeSeconds"] === "number" ? rule["maxAgeSeconds"] : undefined,
      }));
      return client.send(new sdk.PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules } }));
    },
    remove: (sdk, client, bucket) => client.send(new sdk.DeleteBucketCorsCommand({ Bucket: bucket })),
  });
}

type Apply = (sdk: typeof S3, client: S3.S3Client, bucket: string, inputs: Record<string, unknown>) => Promise<unknown>;

function setting(parts: CloudParts, how: { apply: Apply; remove: Apply }): Behaviour {
  const run = async (
    what: Apply,
    { inputs, config }: { inputs: Record<string, unknown>; config: Record<string, unknown> },
  ): Promise<Record<string, unknown>> => {
    const bucket = text(inputs, "bucket");
    const region = bucketRegion(parts.inventory, bucket);
    if (region === undefined)
      throw new Error(`api error NoSuchBucket: The specified bucket does not exist (${bucket})`);
    const wanted = text(inputs, "region", config);
    if (region !== wanted) {
      throw new Error(`api error PermanentRedirect: bucket ${bucket} is in ${region}, the request went to ${wanted}`);
    }
    await withS3Client(parts, region, (sdk, client) => what(sdk, client, bucket, inputs));
    return {};
  };
  return {
    create: (resource) => run(how.apply, resource),
    update: (resource) => run(how.apply, resource),
    async delete(resource) {
      await run(how.remove, resource);
    },
  };
}

/** A bucket refuses public policies unless its public access block allows them (S3, "Blocking public access", since April 2023). */
function publicPolicyBlocked({ inventory }: CloudParts, bucket: string): boolean {
  const access = inventory.find("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket);
  return access === undefined || access.inputs["blockPublicPolicy"] === true;
}

/** Runs a function with an S3 client. Loads the SDK at the first call, so that a start without S3 resources is quicker. */
export async function withS3Client<T>(
  { servers }: CloudParts,
  region: string,
  use: (sdk: typeof S3, client: S3.S3Client) => Promise<T>,
): Promise<T> {
  const sdk = await import("@aws-sdk/client-s3");
  const endpoint = `http://127.0.0.1:${await servers.gateway(region)}`;
  const client = new sdk.S3Client({ endpoint, region, forcePathStyle: true, credentials: servers.s3Credentials });
  try {
    return await use(sdk, client);
  } finally {
    client.destroy();
  }
}

/**
 * The part of a policy that the S3 server can enforce: statements for everyone. It has no IAM, so statements for roles and accounts are left
 * out (the rehearsal's credentials own the account). Statements that require TLS are left out too: the emulated cloud is plain HTTP on
 * loopback addresses.
 */
function enforceable(policy: unknown): string | undefined {
  const document = typeof policy === "string" ? (JSON.parse(policy) as Record<string, unknown>) : object(policy);
  const statements = [document["Statement"]].flat().filter((statement) => {
    const { Effect, Principal, Condition } = object(statement);
    if (Effect === "Deny" && JSON.stringify(Condition) === '{"Bool":{"aws:SecureTransport":"false"}}') return false;
    return Principal === "*" || [object(Principal)["AWS"]].flat().includes("*");
  });
  return statements.length === 0 ? undefined : JSON.stringify({ ...document, Statement: statements });
}
