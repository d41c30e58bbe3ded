/** Configs and manifests that the tests of the program share. */
import { join } from "node:path";
import { organisationManifests } from "../organisations/organisation.ts";

/** Two regions of Google Cloud and one of AWS, nothing optional. */
export const config: Readonly<Record<string, unknown>> = {
  "artifacts:organization": "demo",
  "artifacts:repository": "example/artifacts",
  "artifacts:repositoryId": "123456789",
  "artifacts:githubOwners": { example: "1234567" },
  "artifacts:domain": "example.org",
  "artifacts:zoneId": "0123456789abcdef0123456789abcdef",
  "artifacts:gcpRegions": ["us-central1", "europe-west1"],
  "artifacts:awsRegions": ["us-east-1"],
  "artifacts:alertEmail": "oncall@example.org",
  "artifacts:projectNumber": "123456789012",
  "gcp:project": "demo-project",
  "aws:region": "us-east-1",
  "aws:allowedAccountIds": ["123456789012"],
};

/** The same with every option. */
export const everything: Readonly<Record<string, unknown>> = {
  ...config,
  "artifacts:vanityHost": "registry.example.org",
  "artifacts:dnssec": true,
  "artifacts:accessLogs": true,
  "artifacts:vulnerabilityScanning": true,
  "artifacts:minInstances": 1,
  "artifacts:minInstancesByRegion": { "europe-west1": 2 },
  "artifacts:billingAccount": "0A1B2C-3D4E5F-678901",
  "artifacts:monthlyBudget": 500,
  "artifacts:sentGibPerDay": 1000,
  "artifacts:imageStores": [
    {
      name: "r2",
      kind: "r2",
      bucket: "demo-images",
      account: "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d",
      zone: "0123456789abcdef0123456789abcdef",
      url: "https://images-r2.example.org",
      keys: "R2",
      near: "us-central1",
      location: "enam",
    },
  ],
  "artifacts:cloudCdn": { "us-central1": "cdn.example.org", "europe-west1": "cdn-eu.example.org" },
  "artifacts:fillAbove": 100,
  "artifacts:stateBucket": "demo-artifacts-state",
  "artifacts:stateKey": "projects/demo-project/locations/us/keyRings/artifacts/cryptoKeys/state",
};

/** One project with everything, one with only its project.yaml. */
export const manifests = await organisationManifests(join(import.meta.dirname, "../organisations/manifests/both"));
