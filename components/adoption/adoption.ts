import * as pulumi from "@pulumi/pulumi";
import { knownValue } from "../stack/known-value.ts";
import { type AdoptionList, resourceKey } from "./adoption-list.ts";
import type { Existing } from "./existing.ts";

/** What the ids of existing resources are computed from, besides their own names. */
export interface AdoptionContext extends AdoptionList {
  readonly project: string;
  readonly awsAccount: string | undefined;
  readonly existing: Existing;
  /** Whether the resource of a URN, whose registration has ended, has failed in this run. */
  readonly failed: (urn: string) => Promise<boolean>;
}

type Props = Readonly<Record<string, unknown>>;
type IdOf = (props: Props, context: AdoptionContext) => string | Promise<string | undefined>;

/**
 * A transform that makes the program import existing resources instead of creating them. After a loss of the stack's
 * state, a plain `up` fails at the first resource that already exists. index.ts registers it when `npm run adopt`
 * runs the program. Importing a resource that does not exist fails ("resource '...' does not exist"); the command
 * then runs again with its id in the list of absent ones.
 *
 * What depends on something that failed is not imported: the engine (3.232) skips it, and with `--continue-on-error` waits for a skipped import for ever
 * (deploy.ImportStep.Skip leaves open the promise that deploymentExecutor counts). A creation it skips and goes on.
 */
export function adoption(context: AdoptionContext): pulumi.ResourceTransform {
  const known = new Set(context.known);
  const absent = new Set(context.absent);
  return async ({ type, name, props, opts }) => {
    const idOf = importIds[type];
    if (known.has(resourceKey(type, name))) return undefined;
    if (type === objectiveType && !pulumi.runtime.isDryRun()) {
      await context.existing.removeObjective(text(props, "service"), text(props, "sloId"));
    }
    if (type === r2DomainType && !pulumi.runtime.isDryRun()) {
      const [account, domain] = [text(props, "accountId"), text(props, "domain")];
      await context.existing.removeR2Domain(account, text(props, "bucketName"), text(props, "jurisdiction"), domain);
    }
    if (idOf === undefined) return undefined;
    if (await hasFailed(opts.dependsOn, context)) return undefined;
    const id = await idOf(props, context);
    return id === undefined || absent.has(id) ? undefined : { props, opts: { ...opts, import: id } };
  };
}

/** @param dependsOn all that a resource depends on; the engine gives it to a transform as plain resources with nothing but their URNs. */
async function hasFailed(
  dependsOn: pulumi.ResourceOptions["dependsOn"],
  { failed }: Pick<AdoptionContext, "failed">,
): Promise<boolean> {
  for (const { urn } of [(dependsOn ?? []) as pulumi.Resource | pulumi.Resource[]].flat()) {
    const name = await knownValue(urn);
    if (name !== undefined && (await failed(name))) return true;
  }
  return false;
}

const text = (props: Props, key: string): string => {
  const value = props[key];
  // An output here would mean that the id depends on another resource. The program must set the name itself.
  if (typeof value !== "string") throw new Error(`adoption needs ${key} as a plain string, but it is ${typeof value}`);
  return value;
};

/**
 * An imported objective would be replaced at once, because the provider does not read its `service` back, and the engine then aborts the
 * whole run ("previously-imported resources that still specify an ID may not be replaced"). It is deleted before it is made again.
 */
const objectiveType = "gcp:monitoring/slo:Slo";

/** It cannot be imported, and R2 refuses to make it again (409). So it is deleted before: its mirror is not read until R2 has made it again. */
const r2DomainType = "cloudflare:index/r2CustomDomain:R2CustomDomain";

/** A name in Google Cloud, with the properties in braces filled in; `{project}` is the stack's where a resource names none. */
const google =
  (template: string): IdOf =>
  (props, { project }) =>
    template.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
      key === "project" && props["project"] === undefined ? project : text(props, key),
    );

/** Found by its display name, since the cloud assigns its id. */
const listed =
  (collection: string): IdOf =>
  (props, { existing }) =>
    existing.monitoring(collection, text(props, "displayName"));

/**
 * For each type that cannot be created twice: the import id, from the type's documentation ("Import").
 * @internal exported for its tests.
 */
export const importIds: Readonly<Record<string, IdOf>> = {
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (props, { awsAccount }) =>
    `arn:aws:iam::${awsAccount}:oidc-provider/${text(props, "url").replace("https://", "")}`,
  "aws:iam/role:Role": (props) => text(props, "name"),
  "aws:route53/record:Record": (props) => `${text(props, "zoneId")}_${text(props, "name")}_${text(props, "type")}`,
  // With the region after the @, since the provider's default region may be another one.
  "aws:s3/bucket:Bucket": (props) => `${text(props, "bucket")}@${text(props, "region")}`,
  "cloudflare:index/dnsRecord:DnsRecord": (props, { existing }) =>
    existing.dnsRecord(text(props, "zoneId"), text(props, "comment")),
  "cloudflare:index/r2Bucket:R2Bucket": (props) =>
    `${text(props, "accountId")}/${text(props, "name")}/${text(props, "jurisdiction")}`,
  "gcp:artifactregistry/repository:Repository": google(
    "projects/{project}/locations/{location}/repositories/{repositoryId}",
  ),
  "gcp:billing/budget:Budget": (props, { existing }) =>
    existing.budget(text(props, "billingAccount"), text(props, "displayName")),
  "gcp:certificatemanager/certificate:Certificate": google("projects/{project}/locations/global/certificates/{name}"),
  "gcp:certificatemanager/certificateMap:CertificateMap": google(
    "projects/{project}/locations/global/certificateMaps/{name}",
  ),
  "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry": google(
    "projects/{project}/locations/global/certificateMaps/{map}/certificateMapEntries/{name}",
  ),
  "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": google(
    "projects/{project}/locations/global/dnsAuthorizations/{name}",
  ),
  "gcp:cloudrunv2/job:Job": google("projects/{project}/locations/{location}/jobs/{name}"),
  "gcp:cloudrunv2/service:Service": google("projects/{project}/locations/{location}/services/{name}"),
  "gcp:compute/backendBucket:BackendBucket": google("projects/{project}/global/backendBuckets/{name}"),
  "gcp:compute/backendService:BackendService": google("projects/{project}/global/backendServices/{name}"),
  "gcp:compute/globalAddress:GlobalAddress": google("projects/{project}/global/addresses/{name}"),
  "gcp:compute/globalForwardingRule:GlobalForwardingRule": google("projects/{project}/global/forwardingRules/{name}"),
  "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": google(
    "projects/{project}/regions/{region}/networkEndpointGroups/{name}",
  ),
  "gcp:compute/sSLPolicy:SSLPolicy": google("projects/{project}/global/sslPolicies/{name}"),
  "gcp:compute/securityPolicy:SecurityPolicy": google("projects/{project}/global/securityPolicies/{name}"),
  "gcp:compute/targetHttpProxy:TargetHttpProxy": google("projects/{project}/global/targetHttpProxies/{name}"),
  "gcp:compute/targetHttpsProxy:TargetHttpsProxy": google("projects/{project}/global/targetHttpsProxies/{name}"),
  "gcp:compute/uRLMap:URLMap": google("projects/{project}/global/urlMaps/{name}"),
  "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": google(
    "projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
  ),
  "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": google(
    "projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}/providers/{workloadIdentityPoolProviderId}",
  ),
  "gcp:logging/projectExclusion:ProjectExclusion": google("projects/{project}/exclusions/{name}"),
  "gcp:logging/metric:Metric": (props) => text(props, "name"),
  "gcp:monitoring/alertPolicy:AlertPolicy": listed("alertPolicies"),
  "gcp:monitoring/customService:CustomService": google("projects/{project}/services/{serviceId}"),
  "gcp:monitoring/dashboard:Dashboard": (_, { existing }) => existing.dashboard(),
  "gcp:monitoring/notificationChannel:NotificationChannel": listed("notificationChannels"),
  "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": listed("uptimeCheckConfigs"),
  "gcp:projects/iAMCustomRole:IAMCustomRole": google("projects/{project}/roles/{roleId}"),
  "gcp:serviceaccount/account:Account": google(
    "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
  ),
  "gcp:storage/bucket:Bucket": (props) => text(props, "name"),
};

/**
 * The types that need no adoption, with the reason: creating one again leaves it as the program declares it.
 * @internal exported for its tests.
 */
export const settable: Readonly<Record<string, string>> = {
  "aws:iam/rolePolicy:RolePolicy": "put over the old one",
  "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": "put over the old one",
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "put over the old one",
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "put over the old one",
  "aws:s3/bucketPolicy:BucketPolicy": "put over the old one",
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "put over the old one",
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "put over the old one",
  "aws:s3/bucketVersioning:BucketVersioning": "put over the old one",
  [r2DomainType]: "deleted first: the type has no import",
  "cloudflare:index/zoneDnssec:ZoneDnssec": "a setting of the zone",
  "gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding": "sets the role's members",
  "gcp:dns/dnsManagedZoneIamBinding:DnsManagedZoneIamBinding": "sets the role's members",
  "gcp:dns/recordSet:RecordSet": "put over the old one",
  [objectiveType]: "deleted first: an import would be replaced",
  "gcp:kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding": "sets the role's members",
  "gcp:projects/iAMAuditConfig:IAMAuditConfig": "sets what is logged of a service",
  "gcp:projects/iAMBinding:IAMBinding": "sets the role's members",
  "gcp:projects/iAMMember:IAMMember": "adds a member, who may have the role already",
  "gcp:projects/serviceIdentity:ServiceIdentity": "created by Google once; the type has no import",
  "gcp:serviceaccount/iAMBinding:IAMBinding": "sets the role's members",
  "gcp:storage/bucketIAMBinding:BucketIAMBinding": "sets the role's members",
  "gcp:storage/bucketObject:BucketObject": "uploads the same bytes again; the type has no import",
  "promotion:index:CatalogueEntry": "written again",
  "promotion:index:IssuedCertificate": "waits until the certificate is issued, which it is",
  "promotion:index:ProbedCanary": "asks the redirector of one region again",
  "promotion:index:PromotedFiles": "takes an inventory and copies what is missing",
  "promotion:index:PromotedImages": "takes an inventory and copies what is missing",
  "pulumi:index:Stash": "exists only in the state",
};
