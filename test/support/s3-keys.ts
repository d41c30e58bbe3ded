import { paginateListObjectsV2, type S3Client } from "@aws-sdk/client-s3";

/** All keys of a bucket that begin with a prefix, in S3's order. */
export async function s3Keys(client: S3Client, Bucket: string, Prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix }))
    keys.push(...Contents.map(({ Key = "" }) => Key));
  return keys;
}
