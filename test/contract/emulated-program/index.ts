/** One resource of each kind that a program like this one declares. emulated-program.test.ts runs it on the real engine. */
import * as aws from "@pulumi/aws";
import * as cloudflare from "@pulumi/cloudflare";
import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const host = "artifacts.example.org";
const regions = ["us-central1", "europe-west1"];

// Registries and buckets, with grants.
const repository = new gcp.artifactregistry.Repository("images", {
  repositoryId: "images",
  location: "us",
  format: "DOCKER",
  cleanupPolicies: [{ id: "expire", action: "DELETE", condition: { tagState: "ANY", olderThan: "5184000s" } }],
});
const { project, location, name } = repository;
const images = { project, location, repository: name };
new gcp.artifactregistry.RepositoryIamMember("pull", {
  ...images,
  role: "roles/artifactregistry.reader",
  member: "allUsers",
});
const deploy = new gcp.serviceaccount.Account("deploy", { accountId: "deploy" });
new gcp.artifactregistry.RepositoryIamBinding("push", {
  ...images,
  role: "roles/artifactregistry.writer",
  members: [deploy.member],
});
const policy = gcp.organizations.getIAMPolicyOutput({ bindings: [{ role: "roles/viewer", members: ["allUsers"] }] });
const files = new gcp.storage.Bucket("files", { location: "US", versioning: { enabled: true }, forceDestroy: true });
new gcp.storage.BucketIAMPolicy("files", { bucket: files.name, policyData: policy.policyData });
new gcp.storage.BucketIAMBinding("writers", {
  bucket: files.name,
  role: "roles/storage.objectAdmin",
  members: [deploy.member],
});
new gcp.storage.Bucket("moving", { name: "moving", location: config.get("location") ?? "US", forceDestroy: true });
const folder = new gcp.storage.ManagedFolder("folder", { bucket: files.name, name: "staging/" });
new gcp.storage.ManagedFolderIamMember("folder", {
  bucket: files.name,
  managedFolder: folder.name,
  role: "roles/storage.objectUser",
  member: "group:team@example.org",
  condition: { title: "expires", expression: 'request.time < timestamp("2027-01-01T00:00:00Z")' },
});

// A service in every region behind a load balancer.
const source = new gcp.storage.Bucket("source", { location: "US", forceDestroy: true });
const archive = new gcp.storage.BucketObject("archive", {
  bucket: source.name,
  source: new pulumi.asset.FileAsset("service.tar.gz"),
});
const groups = regions.map((region) => {
  const service = new gcp.cloudrunv2.Service(`web-${region}`, {
    location: region,
    deletionProtection: false,
    template: {
      containers: [
        {
          image: "scratch",
          commands: ["./start"],
          envs: [{ name: "REGION", value: config.require("greeting") }],
          sourceCode: {
            cloudStorageSource: {
              bucket: archive.bucket,
              object: archive.name,
              generation: archive.generation.apply(String),
            },
          },
          startupProbe: { httpGet: { path: "/" } },
        },
      ],
    },
  });
  new gcp.cloudrunv2.ServiceIamMember(`public-${region}`, {
    location: region,
    name: service.name,
    role: "roles/run.invoker",
    member: "allUsers",
  });
  const cloudRun = { service: service.name };
  return new gcp.compute.RegionNetworkEndpointGroup(`web-${region}`, {
    region,
    networkEndpointType: "SERVERLESS",
    cloudRun,
  });
});
const backend = new gcp.compute.BackendService("web", {
  loadBalancingScheme: "EXTERNAL_MANAGED",
  protocol: "HTTPS",
  backends: groups.map(({ id }) => ({ group: id })),
});
const urls = new gcp.compute.URLMap("web", { defaultService: backend.id });
const authorization = new gcp.certificatemanager.DnsAuthorization("web", { domain: host });
const certificate = new gcp.certificatemanager.Certificate("web", {
  managed: { domains: [host], dnsAuthorizations: [authorization.id] },
});
const map = new gcp.certificatemanager.CertificateMap("web", {});
new gcp.certificatemanager.CertificateMapEntry("web", {
  map: map.name,
  certificates: [certificate.id],
  hostname: host,
});
const https = new gcp.compute.TargetHttpsProxy("web", {
  urlMap: urls.id,
  certificateMap: pulumi.interpolate`//certificatemanager.googleapis.com/${map.id}`,
  sslPolicy: new gcp.compute.SSLPolicy("web", { profile: "MODERN" }).id,
});
const zone = new cloudflare.Zone("zone", { account: { id: "account" }, name: "example.org" });
for (const [type, ipVersion] of [
  ["A", "IPV4"],
  ["AAAA", "IPV6"],
] as const) {
  const { address } = new gcp.compute.GlobalAddress(ipVersion.toLowerCase(), { ipVersion });
  new gcp.compute.GlobalForwardingRule(ipVersion.toLowerCase(), {
    ipAddress: address,
    portRange: "443",
    target: https.id,
  });
  new cloudflare.DnsRecord(type, { zoneId: zone.id, name: host, type, content: address, ttl: 300 });
}
const proof = authorization.dnsResourceRecords.apply((records) => records[0]!);
new cloudflare.DnsRecord("proof", {
  zoneId: zone.id,
  name: proof.name,
  type: proof.type,
  content: proof.data,
  ttl: 300,
});

// Monitoring and identities.
const email = new gcp.monitoring.NotificationChannel("email", { type: "email", labels: { email_address: "a@b.org" } });
const check = new gcp.monitoring.UptimeCheckConfig("web", {
  displayName: "web",
  timeout: "10s",
  httpCheck: { path: "/", useSsl: true },
  monitoredResource: { type: "uptime_url", labels: { host } },
});
new gcp.monitoring.AlertPolicy("down", {
  displayName: "down",
  combiner: "OR",
  notificationChannels: [email.name],
  conditions: [
    {
      displayName: "failing",
      conditionThreshold: {
        filter: pulumi.interpolate`metric.labels.check_id="${check.uptimeCheckId}"`,
        comparison: "COMPARISON_GT",
        duration: "120s",
      },
    },
  ],
});
const watched = new gcp.monitoring.CustomService("web", { serviceId: "web" });
new gcp.monitoring.Slo("web", {
  service: watched.serviceId,
  goal: 0.999,
  rollingPeriodDays: 28,
  requestBasedSli: {
    goodTotalRatio: { totalServiceFilter: 'metric.type="a"', goodServiceFilter: 'metric.type="a" metric.labels.b="c"' },
  },
});
const pool = new gcp.iam.WorkloadIdentityPool("github", { workloadIdentityPoolId: "github" });
new gcp.iam.WorkloadIdentityPoolProvider("github", {
  workloadIdentityPoolId: pool.workloadIdentityPoolId,
  workloadIdentityPoolProviderId: "actions",
  oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
});
new gcp.serviceaccount.IAMMember("github", {
  serviceAccountId: deploy.name,
  role: "roles/iam.workloadIdentityUser",
  member: pulumi.interpolate`principalSet://iam.googleapis.com/${pool.name}/attribute.repository/org/repo`,
});

// The same in AWS.
for (const region of ["us-east-2", "eu-west-2"] as const) {
  const bucket = new aws.s3.Bucket(`layers-${region}`, { region });
  new aws.s3.BucketVersioning(`layers-${region}`, {
    bucket: bucket.bucket,
    region,
    versioningConfiguration: { status: "Enabled" },
  });
  const access = new aws.s3.BucketPublicAccessBlock(`layers-${region}`, {
    bucket: bucket.bucket,
    region,
    blockPublicPolicy: false,
  });
  new aws.s3.BucketPolicy(
    `layers-${region}`,
    {
      bucket: bucket.bucket,
      region,
      policy: {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: pulumi.interpolate`${bucket.arn}/*` },
        ],
      },
    },
    { dependsOn: access },
  );
}
const github = new aws.iam.OpenIdConnectProvider("github", {
  url: "https://token.actions.githubusercontent.com",
  clientIdLists: ["sts.amazonaws.com"],
});
const trust = aws.iam.getPolicyDocumentOutput({
  statements: [
    { actions: ["sts:AssumeRoleWithWebIdentity"], principals: [{ type: "Federated", identifiers: [github.arn] }] },
  ],
});
const role = new aws.iam.Role("deploy", { assumeRolePolicy: trust.json });
new aws.iam.RolePolicyAttachment("deploy", {
  role: role.name,
  policyArn: aws.iam.ManagedPolicy.AmazonS3FullAccess,
});

/** If a provider omits one of these outputs, it is unknown in the next preview. */
export const outputs = {
  registry: repository.registryUri,
  bucket: files.selfLink,
  generation: archive.generation,
  check: check.uptimeCheckId,
  role: role.arn,
  account: aws.getCallerIdentityOutput().accountId,
  number: gcp.organizations.getProjectOutput().number,
};
