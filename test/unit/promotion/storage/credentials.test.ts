import assert from "node:assert/strict";
import { it } from "mocha";
import { Denied, type StoreClient } from "../../../../components/promotion/storage/bucket.ts";
import { connectGcs } from "../../../../components/promotion/storage/gcs.ts";
import { connectS3 } from "../../../../components/promotion/storage/s3.ts";
import { afterTest } from "../../../support/cleanup.ts";

// Nothing answers there, and nothing is asked: there is nobody to ask as.
const elsewhere = "http://store.invalid";
const nowhere = "/nonexistent/credentials";
const clients: Readonly<Record<string, { connect(): StoreClient; environment: NodeJS.ProcessEnv; said: RegExp }>> = {
  gcs: {
    connect: () => connectGcs(elsewhere),
    environment: { GOOGLE_APPLICATION_CREDENTIALS: nowhere },
    said: /no Google credentials \(gcloud auth application-default login\)/,
  },
  s3: {
    connect: () => connectS3({ region: "us-east-1", endpoint: elsewhere, pathStyle: true }),
    environment: {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_PROFILE: undefined,
      AWS_WEB_IDENTITY_TOKEN_FILE: undefined,
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: undefined,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
      AWS_SHARED_CREDENTIALS_FILE: nowhere,
      AWS_CONFIG_FILE: nowhere,
      AWS_EC2_METADATA_DISABLED: "true",
    },
    said: /s3:\/\/bucket\/key: no AWS credentials/,
  },
};

for (const [kind, { connect, environment, said }] of Object.entries(clients)) {
  it(`${kind}: without credentials a store is one that refuses us, which is asked a few times and not once for each file`, async () => {
    const before = { ...process.env };
    afterTest(() => {
      process.env = before;
    });
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const client = connect();
    afterTest(() => client.close());
    await assert.rejects(client.bucket("bucket").stat("key", new AbortController().signal), (error: Error) => {
      assert.ok(error instanceof Denied, String(error));
      assert.match(error.message, said);
      return true;
    });
  });
}
