/**
 * Where the object stores answer when it is not at the clouds' own addresses: the settings of the providers, `gcp:storageCustomEndpoint`,
 * `aws:endpoints` and `aws:s3UsePathStyle`. A promotion takes the same shape.
 */
export interface StorageEndpoints {
  /** The GCS JSON API, e.g. `http://127.0.0.1:5514/storage/v1/`. */
  readonly gcsEndpoint?: string | undefined;
  /** The S3 API, e.g. `http://127.0.0.1:5515`. */
  readonly s3Endpoint?: string | undefined;
  /** `true`: the bucket is in the path, not in the host name. */
  readonly s3UsePathStyle?: boolean | undefined;
}
