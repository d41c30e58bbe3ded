/**
 * The rights in Google Cloud of the two identities, as far as no role of Google's own is small enough: the permissions of two roles of our
 * own, each with what it is for. What a permission allows is in Google's "IAM permissions reference"; which of them Google's roles have, in
 * "IAM basic and predefined roles reference".
 *
 * A role of our own is granted to nobody else, so that binding it takes nothing from anybody.
 */
export interface CustomRole {
  readonly title: string;
  readonly description: string;
  readonly permissions: readonly string[];
}

/**
 * Makes and changes what holds artifacts, and cannot remove it: a repository or bucket that is to go is removed by an owner of the project.
 * What is *in* them is granted one by one: mirrors and the redirector's builds to write, staging to read. It sets who may read and write them
 * (each new project is such a grant), so somebody who took it over could give himself more on one of them; not in the project.
 */
export const deployRole: CustomRole = {
  title: "artifacts: deploy",
  description:
    "Makes and changes repositories, buckets, the edge's rules and monitoring; removes no repository and no bucket",
  permissions: [
    // Staging areas and image mirrors, and who reads and writes them.
    "artifactregistry.repositories.create",
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.update",
    "artifactregistry.repositories.getIamPolicy",
    "artifactregistry.repositories.setIamPolicy",
    // Staging areas and file mirrors, the same.
    "storage.buckets.create",
    "storage.buckets.get",
    "storage.buckets.update",
    "storage.buckets.getIamPolicy",
    "storage.buckets.setIamPolicy",
    // The edge's rules: the load balancer's role only uses them, and the security admin's has the firewalls too.
    "compute.securityPolicies.create",
    "compute.securityPolicies.get",
    "compute.securityPolicies.update",
    "compute.securityPolicies.delete",
    // Monitoring. Google's editor of it may also turn on any service in the project, and write what is measured.
    ...["alertPolicies", "dashboards", "notificationChannels", "services", "slos", "uptimeCheckConfigs"].flatMap(
      (things) => ["create", "get", "update", "delete"].map((verb) => `monitoring.${things}.${verb}`),
    ),
    // What is counted of the log.
    "logging.logMetrics.create",
    "logging.logMetrics.get",
    "logging.logMetrics.update",
    "logging.logMetrics.delete",
    // An alert on a line in a log is a rule there too (Logging docs, "Configure log-based alerting policies").
    "logging.notificationRules.create",
    "logging.notificationRules.get",
    "logging.notificationRules.update",
    "logging.notificationRules.delete",
  ],
};

/** Compares what is there with what should be: settings and grants, of every kind of thing that no viewer's role below shows. */
export const previewRole: CustomRole = {
  title: "artifacts: preview",
  description: "Reads settings and grants of repositories, buckets, accounts, keys and the project; no artifact",
  permissions: [
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.getIamPolicy",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "iam.roles.get", // this role and the one above
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "cloudkms.cryptoKeys.getIamPolicy", // who decrypts the state's secrets
    "logging.exclusions.get",
    "logging.logMetrics.get",
    "logging.notificationRules.get",
  ],
};

/**
 * Google's own roles for the deploying identity. They belong to it alone: whoever else is given one in this project loses it at the next update.
 */
export const deployRoles = [
  "roles/certificatemanager.editor", // certificate, its map and the proof; an owner removes one
  "roles/compute.loadBalancerAdmin", // addresses, rules, proxies, TLS policy, URL maps, backends, endpoint groups
  "roles/run.admin", // the redirector's services. Less would do, but for letting in callers without an account, as the load balancer is one (Cloud Run docs, "Allowing public access")
] as const;

/** Google's own roles for the previewing identity. People may have them too. None reads objects or images: staging is granted area by area. */
export const previewRoles = [
  "roles/certificatemanager.viewer",
  "roles/compute.viewer", // the network viewer's does not show endpoint groups of services, nor the edge's rules
  "roles/iam.workloadIdentityPoolViewer",
  "roles/monitoring.viewer",
  "roles/run.viewer",
] as const;

/** Both identities', and whoever else's: a failed deploy and a drift that is found raise an alert by a line in a log, a night without a line another one. */
export const reportingRoles = ["roles/logging.logWriter"] as const;

/**
 * The actions of the deploying identity on the buckets in AWS: all that a promotion and an update of a bucket need. Not: remove a bucket,
 * remove a version of an object, so that what is removed can be brought back.
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

/** The previewing identity's: settings, lists, objects (which everybody may read). */
export const bucketReadActions = ["s3:Get*", "s3:List*"] as const;
