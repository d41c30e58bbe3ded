import { r2Region } from "../s3-front.ts";
import { text } from "../values.ts";
import { type Behaviour, type CloudParts, ConflictError } from "./behaviour.ts";
import { withS3Client } from "./s3.ts";

/** `cloudflare:index/r2Bucket:R2Bucket`: a bucket of an S3 server of its own, for whoever signs with R2's region. */
export function r2Bucket(parts: CloudParts): Behaviour {
  return {
    async create({ inputs }) {
      const Bucket = text(inputs, "name");
      await withS3Client(parts, r2Region, (sdk, client) => client.send(new sdk.CreateBucketCommand({ Bucket })));
      return {};
    },
    async delete({ inputs }) {
      const Bucket = text(inputs, "name");
      await withS3Client(parts, r2Region, async (sdk, client) => {
        const { KeyCount = 0 } = await client.send(new sdk.ListObjectsV2Command({ Bucket, MaxKeys: 1 }));
        if (KeyCount > 0)
          throw new ConflictError(
            `failed to make http request: DELETE r2/buckets/${Bucket}: 409 Conflict {"code":10008,"message":"The bucket you tried to delete is not empty"}`,
          );
        await client.send(new sdk.DeleteBucketCommand({ Bucket }));
      });
    },
  };
}

/** `cloudflare:index/r2CustomDomain:R2CustomDomain`: everybody reads the bucket's objects, and lists none ("Public buckets"), while it has one. */
export function r2CustomDomain(parts: CloudParts): Behaviour {
  return {
    async create({ inputs }) {
      const Bucket = text(inputs, "bucketName");
      const Statement = [
        { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
      ];
      const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
      await withS3Client(parts, r2Region, (sdk, client) =>
        client.send(new sdk.PutBucketPolicyCommand({ Bucket, Policy })),
      );
      return {};
    },
    async delete({ inputs }) {
      const Bucket = text(inputs, "bucketName");
      await withS3Client(parts, r2Region, (sdk, client) => client.send(new sdk.DeleteBucketPolicyCommand({ Bucket })));
    },
  };
}
