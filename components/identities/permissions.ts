/**
 * The permissions of the two identities in Google Cloud. Where every predefined role grants too much, a custom role
 * lists the permissions, each with its purpose. Google's "IAM permissions reference" says what a permission allows;
 * "IAM basic and predefined roles reference" says which permissions a predefined role has.
 *
 * The custom roles are granted to nobody else, so an authoritative binding of them removes no other member.
 */
export interface CustomRole {
  readonly title: string;
  readonly description: string;
  readonly permissions: readonly string[];
}

/**
 * What a refresh reads of the resources that only an owner changes. A run that refreshes reads every resource of the stack, and ends at
 * the first that it may not read.
 */
const ownersReads = [
  "iam.serviceAccounts.get",
  "iam.serviceAccounts.getIamPolicy",
  "iam.roles.get", // the two roles below
  "iam.workloadIdentityPools.get",
  "iam.workloadIdentityPools.getAttestationRules", // asked for at each read of a pool
  "iam.workloadIdentityPoolProviders.get",
  "resourcemanager.projects.get",
  "resourcemanager.projects.getIamPolicy",
  "cloudkms.cryptoKeys.getIamPolicy", // who decrypts the state's secrets
  "logging.exclusions.get",
];

/**
 * Creates and changes repositories and buckets, and has no right to delete them: an owner of the project does that. Access to
 * their *content* is granted separately for each: write for mirrors and the redirector's builds, read for staging
 * areas. This role can set IAM policies of repositories and buckets (each new project needs that), so an attacker who
 * obtains it could extend access to one of them, even to its deletion, but not to the project (docs/security.md, "Limits that are known").
 */
export const deployRole: CustomRole = {
  title: "artifacts: deploy",
  description:
    "Creates and changes repositories, buckets, edge rules and monitoring; deletes no repository and no bucket",
  permissions: [
    // Staging areas and image mirrors, and their IAM policies.
    "artifactregistry.repositories.create",
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.update",
    "artifactregistry.repositories.getIamPolicy",
    "artifactregistry.repositories.setIamPolicy",
    // Staging areas and file mirrors, and their IAM policies.
    "storage.buckets.create",
    "storage.buckets.get",
    "storage.buckets.update",
    "storage.buckets.getIamPolicy",
    "storage.buckets.setIamPolicy",
    // The edge's rules. The load balancer admin's role can only use them, and the security admin's role includes firewalls.
    "compute.securityPolicies.create",
    "compute.securityPolicies.get",
    "compute.securityPolicies.update",
    "compute.securityPolicies.delete",
    "compute.securityPolicies.setLabels", // the provider labels each policy after its creation
    // Monitoring. The predefined editor role could also enable any service in the project, and write metrics.
    ...["alertPolicies", "dashboards", "notificationChannels", "services", "slos", "uptimeCheckConfigs"].flatMap(
      (things) => ["create", "get", "update", "delete"].map((verb) => `monitoring.${things}.${verb}`),
    ),
    // Log-based metrics.
    "logging.logMetrics.create",
    "logging.logMetrics.get",
    "logging.logMetrics.update",
    "logging.logMetrics.delete",
    // An alert on a log line is a rule of Logging too (Logging docs, "Configure log-based alerting policies").
    "logging.notificationRules.create",
    "logging.notificationRules.get",
    "logging.notificationRules.update",
    "logging.notificationRules.delete",
    ...ownersReads,
  ],
};

/**
 * Compares the actual settings and IAM policies with the program: one call for each kind of resource, and nothing else. Google's viewer roles
 * would also list and read what else is in the project: machines, metrics, logs of builds. It reads no objects or images: each staging area grants
 * that itself.
 */
export const previewRole: CustomRole = {
  title: "artifacts: preview",
  description: "Reads settings and IAM policies of repositories, buckets, accounts, keys and the project; no artifacts",
  permissions: [
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.getIamPolicy",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
    ...ownersReads,
    "logging.logMetrics.get",
    "logging.notificationRules.get",
    "run.jobs.get",
    "run.executions.list", // whether a mirror is being filled: what it lacks is no drift then
    "run.services.get",
    ...["certs", "certmaps", "certmapentries", "dnsauthorizations"].map((things) => `certificatemanager.${things}.get`),
    ...[
      "backendBuckets",
      "backendServices",
      "globalAddresses",
      "globalForwardingRules",
      "regionNetworkEndpointGroups",
      "securityPolicies",
      "sslPolicies",
      "targetHttpProxies",
      "targetHttpsProxies",
      "urlMaps",
    ].map((things) => `compute.${things}.get`),
    ...["alertPolicies", "dashboards", "notificationChannels", "services", "slos", "uptimeCheckConfigs"].map(
      (things) => `monitoring.${things}.get`,
    ),
  ],
};

/** In the seed project, both identities: compares the pool and who may use the state and its key. */
export const seedRole: CustomRole = {
  title: "artifacts: seed",
  description: "Compares the identities' pool and the access to the state; changes nothing",
  permissions: [
    "cloudkms.cryptoKeys.getIamPolicy",
    "iam.roles.get",
    "iam.workloadIdentityPoolProviders.get",
    "iam.workloadIdentityPools.get",
    "iam.workloadIdentityPools.getAttestationRules", // asked for at each read of a pool
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
  ],
};

/** Changes the records of the one zone of Cloud DNS on which it is granted. */
export const deployZoneRole: CustomRole = {
  title: "artifacts: deploy names",
  description: "Changes the records of a zone; granted on one zone",
  permissions: [
    "dns.changes.create",
    "dns.changes.get",
    "dns.resourceRecordSets.create",
    "dns.resourceRecordSets.delete",
    "dns.resourceRecordSets.list",
    "dns.resourceRecordSets.update",
  ],
};

/** Compares the records of that zone, and who may change them. */
export const previewZoneRole: CustomRole = {
  title: "artifacts: preview names",
  description: "Reads the records of a zone; granted on one zone",
  permissions: ["dns.managedZones.getIamPolicy", "dns.resourceRecordSets.list"],
};

/**
 * Predefined roles of the deploying identity. Their bindings are authoritative: any other member in this project is
 * removed at the next update.
 */
export const deployRoles = [
  "roles/certificatemanager.editor", // certificate, its map and the proof; an owner removes one
  "roles/compute.loadBalancerAdmin", // addresses, rules, proxies, TLS policy, URL maps, backends, endpoint groups
  "roles/run.admin", // the redirector's services. Less would do, but for letting in callers without an account, as the load balancer is one (Cloud Run docs, "Allowing public access")
] as const;

/**
 * Roles that both identities have, and that others may have. A failed deploy and detected drift raise an alert by a log
 * line; a night without such a line raises another.
 */
export const reportingRoles = ["roles/logging.logWriter"] as const;

/**
 * The actions of the deploying identity on the buckets in AWS: all that a promotion and an update of a bucket need.
 * It holds no right to delete a bucket or a version of an object, so what a promotion removes can be restored. But it sets the buckets' policies.
 */
export const bucketActions = [
  "s3:CreateBucket",
  "s3:GetBucket*",
  "s3:GetAccelerateConfiguration",
  "s3:GetEncryptionConfiguration",
  "s3:GetLifecycleConfiguration",
  "s3:GetReplicationConfiguration",
  "s3:ListBucket*",
  "s3:ListTagsForResource", // the tags of a bucket, by S3 Control's interface and by the older one
  "s3:PutBucketCORS",
  "s3:PutBucketOwnershipControls",
  "s3:PutBucketPolicy",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketTagging",
  "s3:PutBucketVersioning",
  "s3:PutEncryptionConfiguration",
  "s3:PutLifecycleConfiguration",
  "s3:TagResource",
  "s3:UntagResource",
  "s3:GetObject*",
  "s3:PutObject",
  "s3:PutObjectTagging",
  "s3:DeleteObject",
  "s3:AbortMultipartUpload",
  "s3:ListMultipartUploadParts",
] as const;

/** The actions of the previewing identity: it reads settings, lists, and objects (which are public), no earlier versions of them. */
export const bucketReadActions = [
  "s3:GetBucket*",
  "s3:GetAccelerateConfiguration",
  "s3:GetEncryptionConfiguration",
  "s3:GetLifecycleConfiguration",
  "s3:GetReplicationConfiguration",
  "s3:ListBucket",
  "s3:ListBucketVersions",
  "s3:ListTagsForResource",
  "s3:GetObject",
] as const;

/** What compares the two roles of our own and the trust in GitHub with the program. */
export const identityReadActions = [
  "iam:GetOpenIDConnectProvider",
  "iam:GetRole",
  "iam:GetRolePolicy",
  "iam:ListAttachedRolePolicies",
  "iam:ListRolePolicies",
] as const;

/** The actions on the hosted zone in Route 53, and on its changes, whose end the provider waits for. */
export const zoneActions = [
  "route53:ChangeResourceRecordSets",
  "route53:GetHostedZone",
  "route53:ListResourceRecordSets",
] as const;
export const zoneChangeActions = ["route53:GetChange"] as const;
export const zoneReadActions = ["route53:GetHostedZone", "route53:ListResourceRecordSets"] as const;
