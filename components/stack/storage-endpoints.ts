/**
 * Endpoints of the object stores where they differ from the clouds' own: the settings of the providers, `gcp:storageCustomEndpoint`,
 * `aws:endpoints` and `aws:s3UsePathStyle`. A promotion uses the same shape.
 */
export interface StorageEndpoints {
  /** The GCS JSON API, e.g. `http://127.0.0.1:5514/storage/v1/`. */
  readonly gcsEndpoint?: string | undefined;
  /** The S3 API, e.g. `http://127.0.0.1:5515`. */
  readonly s3Endpoint?: string | undefined;
  /** `true`: the bucket is part of the path, not of the host name. */
  readonly s3UsePathStyle?: boolean | undefined;
}
