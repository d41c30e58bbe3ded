/** What must hold for the program whatever is configured. */
import { isDeepStrictEqual } from "node:util";
import type { Declared } from "../../local/graph/record-program.ts";
import { locationHeader } from "../../redirector/config.ts";
import { declaredDnsRecords } from "../support/graph/dns.ts";
import { accountNumber, idOf } from "../support/graph/program.ts";
import { isGrant, owner, type Property, shown } from "../support/graph/property.ts";

/** Who deploys and who previews, as members of grants. */
const identity = (role: string, project: string): string =>
  `serviceAccount:artifacts-${role}@${project}.iam.gserviceaccount.com`;

function isMirror(resource: Declared): boolean {
  return /^(images|files)-/.test(owner(resource));
}

/** A promotion that has nothing in production. */
function isOfNothing({ inputs }: Declared): boolean {
  return !inputs["images"] && !inputs["files"];
}

function membersOf({ inputs }: Declared): string[] {
  if (typeof inputs["member"] === "string") return [inputs["member"]];
  return Array.isArray(inputs["members"]) ? (inputs["members"] as string[]) : [];
}

/** The permissions of the roles of our own, by the role's full name. */
function customRoles(resources: readonly Declared[]): Map<string, readonly string[]> {
  return new Map(
    resources
      .filter(({ type }) => type.endsWith(":IAMCustomRole"))
      .map(({ inputs }) => [
        `projects/${inputs["project"]}/roles/${inputs["roleId"]}`,
        inputs["permissions"] as readonly string[],
      ]),
  );
}

function isPublic(resource: Declared): boolean {
  return /allUsers|allAuthenticatedUsers|"Principal\\*":\\*"\*|"AWS\\*":\\*"\*/.test(JSON.stringify(resource.inputs));
}

const day = 86_400;
const month = 30 * day;
/** Metrics that Google counts itself. */
const countedByGoogle = [
  "storage_googleapis_com:network_sent_bytes_count",
  "serviceruntime_googleapis_com:quota_rate_net_usage",
  "run_googleapis_com:job_completed_execution_count",
] as const;

/** What each setting of a bucket in AWS must say. */
const bucketSettings: Readonly<Record<string, RegExp>> = {
  BucketCorsConfiguration: /"allowedOrigins":\["\*"\]/,
  BucketLifecycleConfiguration: /"abortIncompleteMultipartUpload"/,
  BucketOwnershipControls: /"objectOwnership":"BucketOwnerEnforced"/,
  BucketPolicy: /s3:GetObject/,
  BucketPublicAccessBlock:
    /"blockPublicAcls":true,"blockPublicPolicy":false,.*"ignorePublicAcls":true,.*"restrictPublicBuckets":false/,
  BucketServerSideEncryptionConfiguration: /"sseAlgorithm":"AES256"/,
  BucketVersioning: /"status":"Enabled"/,
};

export const properties: Readonly<Record<string, Property>> = {
  "nothing is public but mirrors": (resources) =>
    resources.filter((resource) => isPublic(resource) && !isMirror(resource)).map(shown),

  "the public only reads single objects": (resources) =>
    resources
      .filter(isPublic)
      .filter(({ type, inputs }) => {
        if (type === "aws:s3/bucketPolicy:BucketPolicy") {
          return statements(inputs).some(({ Effect, Action }) => Effect !== "Deny" && Action !== "s3:GetObject");
        }
        return !["roles/artifactregistry.reader", "roles/storage.legacyObjectReader"].includes(String(inputs["role"]));
      })
      .map(shown),

  "every mirror is read by the public, written by the deploying identity alone, and added to by the fill alone": (
    resources,
  ) => {
    const violations: string[] = [];
    for (const { type, name } of resources.filter(({ component }) => component)) {
      if (!/Mirror$/.test(type)) continue;
      const own = resources.filter((resource) => owner(resource) === name);
      if (!own.some(isPublic)) violations.push(`${name} is not public`);
      if (/-aws-/.test(name)) continue; // in AWS the account's own roles write: see the property of identities
      const writers = own.filter(
        (resource) =>
          isGrant(resource) && !isPublic(resource) && resource.inputs["role"] !== "roles/storage.objectViewer",
      );
      const project = String(own.find(({ inputs }) => inputs["project"])?.inputs["project"]);
      for (const writer of writers) {
        const who = isAddition(writer) ? "fill" : "deploy";
        if (JSON.stringify(membersOf(writer)) !== JSON.stringify([identity(who, project)])) {
          violations.push(`${shown(writer)}: ${membersOf(writer)}`);
        }
      }
      const changing = writers.filter((writer) => !isAddition(writer));
      if (changing.length !== 1) violations.push(`${name} has ${changing.length} writing grants`);
    }
    return violations;
  },

  "a staging area is written by one group and its own CI, read by the two identities": (resources) => {
    const violations: string[] = [];
    for (const { name } of resources.filter(({ type }) => type === "artifacts:staging:StagingArea")) {
      const own = resources.filter((resource) => owner(resource) === name);
      const project = String(own.find(({ inputs }) => inputs["project"])?.inputs["project"]);
      const places = own.filter(({ type }) => /:(Repository|Bucket)$/.test(type));
      const grants = own.filter(isGrant);
      if (grants.length !== places.length * 2) violations.push(`${name} has ${grants.length} grants`);
      for (const grant of grants) {
        const members = membersOf(grant);
        const reading = /reader$|objectViewer$/.test(String(grant.inputs["role"]));
        const right = reading
          ? JSON.stringify(members) === JSON.stringify([identity("deploy", project), identity("preview", project)])
          : members[0]?.startsWith("group:") &&
            members.slice(1).every((member) => /\/attribute\.release\/\d+\/[\w.-]+\/(tags|branches)$/.test(member));
        if (!right) violations.push(`${shown(grant)}: ${members}`);
      }
    }
    return violations;
  },

  "no group and no CI writes to two staging areas by mistake": (resources) => {
    const areas = new Map<string, Set<string>>();
    for (const grant of resources.filter(isGrant)) {
      for (const member of membersOf(grant)) {
        if (/\/attribute\.release\//.test(member)) {
          areas.set(member, (areas.get(member) ?? new Set()).add(owner(grant)));
        }
      }
    }
    return [...areas].filter(([, of]) => of.size > 1).map(([member, of]) => `${member}: ${[...of]}`);
  },

  "grants own their role, none twice on one thing": (resources) => {
    const violations = resources
      .filter(({ type, inputs }) => {
        // Roles that people have as well are added in the project: they look at the dashboard, and are no danger.
        if (type === "gcp:projects/iAMMember:IAMMember") return !/[vV]iewer$|logWriter$/.test(String(inputs["role"]));
        return /I[aA][mM](Member|Policy):/.test(`${type}:`);
      })
      .map(shown);
    const seen = new Set<string>();
    for (const grant of resources.filter(isGrant)) {
      const { members: _, ...on } = grant.inputs;
      const key = `${grant.type} ${JSON.stringify(on, [...Object.keys(on), "title", "expression"].sort())}`;
      if (seen.has(key)) violations.push(`${shown(grant)} is granted twice`);
      seen.add(key);
    }
    return violations;
  },

  "no primitive role, and none that can change who may do what in the project": (resources) => [
    ...[...customRoles(resources)].flatMap(([role, permissions]) =>
      permissions
        .filter((permission) =>
          /^(resourcemanager\..*\.(set|create|update|delete)|iam\..*\.(create|update|delete|undelete|set|actAs|get\w*Token|sign|implicit)|serviceusage\.|orgpolicy\.|\w+\.\*)/i.test(
            permission,
          ),
        )
        .map((permission) => `${role}: ${permission}`),
    ),
    ...resources
      .filter(({ inputs }) =>
        /^roles\/(owner|editor|viewer|resourcemanager\..*|iam\.(?!securityReviewer|serviceAccountUser|serviceAccountViewer|workloadIdentityPoolViewer|workloadIdentityUser).*)$/.test(
          String(inputs["role"] ?? ""),
        ),
      )
      .map(shown),
  ],

  "the deploying identity removes no repository, no bucket and no version of an object": (resources) => [
    ...resources
      .filter((grant) => isGrant(grant) && membersOf(grant).some((member) => /artifacts-deploy@/.test(member)))
      .filter(({ inputs }) =>
        /roles\/(storage|artifactregistry)\.(admin|legacyBucketOwner)$/.test(String(inputs["role"])),
      )
      .map(shown),
    ...[...customRoles(resources)].flatMap(([role, permissions]) =>
      permissions
        .filter((permission) => /^(storage|artifactregistry)\..*(delete|\*)/.test(permission))
        .map((permission) => `${role}: ${permission}`),
    ),
    ...awsActions(resources)
      .filter(({ action }) => /^s3:(\*|Delete(?!Object$))|^\*/.test(action))
      .map(({ role, action }) => `${role}: ${action}`),
  ],

  "in AWS the identities act on the buckets of this program alone, and read their own roles": (resources) =>
    awsActions(resources)
      .filter(({ role, action, on }) => {
        const reads = /^(s3|iam|route53):(Get|List)[\w*]*$/.test(action);
        if (action.startsWith("route53:")) return !onTheZone(resources, on) || (role.endsWith("preview") && !reads);
        if (
          on.some(
            (arn) =>
              !/^arn:aws:(s3:::[\w-]+-artifacts-\*(\/\*)?|iam::\d{12}:(role\/artifacts-\*|oidc-provider\/[\w.]+))$/.test(
                arn,
              ),
          )
        )
          return true;
        return action.startsWith("iam:") ? !reads : !action.startsWith("s3:") || (role.endsWith("preview") && !reads);
      })
      .map(({ role, action, on }) => `${role}: ${action} on ${on}`),

  "the previewing identity has no right to write, but into a log": (resources) => [
    ...[...customRoles(resources)]
      .filter(([role]) => /preview(zone)?$/i.test(role))
      .flatMap(([, permissions]) => permissions.filter((permission) => !/\.(get|list)\w*$/.test(permission))),
    ...resources
      .filter((grant) => isGrant(grant) && membersOf(grant).some((member) => /artifacts-preview@/.test(member)))
      .filter(
        ({ inputs }) =>
          !/(reader|[vV]iewer|Decrypter|logging\.logWriter|\/artifactsPreview(Zone)?)$/.test(String(inputs["role"])) ||
          /EncrypterDecrypter/.test(String(inputs["role"])),
      )
      .map(shown),
  ],

  "redirectors run as an account of their own, which has no right": (resources) => [
    ...resources
      .filter((grant) => isGrant(grant) && membersOf(grant).some((member) => /serviceAccount:redirector@/.test(member)))
      .map(shown),
    ...resources
      .filter(({ type }) => /cloudrunv2.*:Service$/.test(type))
      .filter(
        ({ inputs }) => !/^redirector@/.test((inputs["template"] as { serviceAccount?: string }).serviceAccount ?? ""),
      )
      .map(shown),
  ],

  "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports": (
    resources,
  ) => {
    const isFill = (member: unknown): boolean => /^(serviceAccount:)?artifacts-fill@/.test(String(member));
    const mirrors = resources
      .filter(({ component, type }) => component && /Mirror$/.test(type))
      .map(({ name }) => name);
    const orders = resources.filter(({ name, type }) => name === "fill" && type === "gcp:storage/bucket:Bucket");
    const isOrders = ({ inputs }: Declared): boolean =>
      orders.some(({ inputs: own }) => own["name"] === inputs["bucket"]);
    return [
      ...resources
        .filter((grant) => isGrant(grant) && membersOf(grant).some(isFill))
        .filter((grant) => {
          if (grant.inputs["role"] === "roles/storage.objectViewer")
            return !(isOrders(grant) || mirrors.includes(String(owner(grant))));
          const { expression } = (grant.inputs["condition"] ?? {}) as { readonly expression?: string };
          if (grant.inputs["role"] === "roles/storage.objectCreator" && isOrders(grant))
            return expression?.endsWith('-fill/objects/reports/")') !== true;
          return !(isAddition(grant) && mirrors.includes(String(owner(grant))));
        })
        .map(shown),
      ...resources
        .filter(({ type }) => type === "gcp:cloudrunv2/job:Job")
        .filter(({ inputs }) => {
          const { template } = inputs["template"] as { template: { serviceAccount?: string } };
          return template.serviceAccount?.startsWith(`${String(inputs["name"])}@`) !== true;
        })
        .map(shown),
      ...awsActions(resources)
        .filter(({ role, action }) => role === "artifacts-fill" && !addsInS3.test(action))
        .map(({ role, action }) => `${role}: ${action}`),
    ];
  },

  "the audit runs as an account of its own, which reads mirrors and its orders, and adds its findings": (resources) => [
    ...resources
      .filter((grant) => isGrant(grant) && membersOf(grant).some((member) => /:artifacts-audit@/.test(member)))
      .filter(({ name, inputs }) => {
        if (inputs["role"] === "roles/storage.objectViewer")
          return !/^(fill-objectViewer|files-gcp-.*-auditor)$/.test(name);
        const { expression = "" } = (inputs["condition"] ?? {}) as { expression?: string };
        const findings = `resource.name.startsWith("projects/_/buckets/${String(inputs["bucket"])}/objects/findings/")`;
        return inputs["role"] !== "roles/storage.objectCreator" || expression !== findings;
      })
      .map(shown),
    ...awsActions(resources)
      .filter(({ role, action }) => role === "artifacts-audit" && !/^s3:(Get|List)/.test(action))
      .map(({ role, action }) => `${role}: ${action}`),
  ],

  "the jobs' roles in AWS are taken by the jobs' accounts alone": (resources) =>
    resources
      .filter(({ type, inputs }) => type === "aws:iam/role:Role" && isJob(inputs["name"]))
      .filter(({ inputs }) => {
        const { Statement } = JSON.parse(String(inputs["assumeRolePolicy"])) as { Statement: object[] };
        // By the account's number: its mail address could be that of another account some day.
        const id = accountNumber(String(inputs["name"]));
        const claims = { aud: id, oaud: "sts.amazonaws.com", sub: id };
        const wanted = {
          Effect: "Allow",
          Principal: { Federated: "accounts.google.com" },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: Object.fromEntries(
              Object.entries(claims).map(([claim, value]) => [`accounts.google.com:${claim}`, value]),
            ),
          },
        };
        return JSON.stringify(Statement) !== JSON.stringify([wanted]);
      })
      .map(shown),

  "deploy acts as the accounts of the redirector and the jobs alone, and nobody but GitHub acts as the identities": (
    resources,
  ) =>
    resources
      .filter(isGrant)
      .filter(({ type, inputs }) => {
        const account = String(inputs["serviceAccountId"]);
        switch (inputs["role"]) {
          case "roles/iam.serviceAccountUser":
            return !/\/(redirector|artifacts-fill|artifacts-audit)@/.test(account);
          case "roles/iam.workloadIdentityUser":
            return (
              !/\/artifacts-(deploy|preview)@/.test(account) ||
              !membersOf({ inputs } as Declared)[0]?.startsWith("principalSet:")
            );
          default:
            return type === "gcp:serviceaccount/iAMBinding:IAMBinding";
        }
      })
      .map(shown),

  "the state is written by deploy, read by preview, and by nobody else": (resources) => {
    const state = resources.filter(({ name }) => /^identities-state/.test(name));
    const wanted: Record<string, string> = {
      "roles/storage.objectUser": "deploy",
      "roles/storage.objectViewer": "preview",
      "roles/cloudkms.cryptoKeyEncrypterDecrypter": "deploy",
      "roles/cloudkms.cryptoKeyDecrypter": "preview",
    };
    return state
      .filter((grant) => {
        const [member, ...others] = membersOf(grant);
        return others.length > 0 || !member?.includes(`artifacts-${wanted[String(grant.inputs["role"])]}@`);
      })
      .map(shown);
  },

  "no key, no secret, no password": (resources) =>
    resources
      .filter(
        ({ type, inputs }) =>
          /:(Key|HmacKey|AccessKey|ApiKey|Secret|SecretVersion|ServiceAccountKey)$/i.test(type) ||
          /password|privateKey|secretKey/i.test(JSON.stringify(inputs)),
      )
      .map(shown),

  "only the environment production on the main branch deploys": (resources) => {
    const violations: string[] = [];
    const provider = resources.find(({ type }) => type.endsWith(":WorkloadIdentityPoolProvider"));
    const mapping = provider?.inputs["attributeMapping"] as Record<string, string> | undefined;
    for (const needed of [
      'assertion.sub.endsWith(":environment:production")',
      'assertion.ref == "refs/heads/main"',
      "/.github/workflows/deploy.yml@refs/heads/main",
      "assertion.repository_id ==",
    ]) {
      if (!mapping?.["attribute.deploy"]?.includes(needed))
        violations.push(`attribute.deploy does not look at ${needed}`);
    }
    const users = resources.find(
      ({ name, type }) => name === "identities-deploy-github" && isGrant({ type } as Declared),
    );
    if (!membersOf(users ?? ({ inputs: {} } as Declared)).every((member) => member.endsWith("/attribute.deploy/yes"))) {
      violations.push(`the deploying account is used by ${membersOf(users!)}`);
    }
    for (const { name, inputs } of resources.filter(isWorkflowRole)) {
      const { Statement } = JSON.parse(String(inputs["assumeRolePolicy"])) as {
        Statement: { Condition: { StringEquals: Record<string, unknown> } }[];
      };
      const claim = (what: string) =>
        Statement[0]?.Condition.StringEquals[`token.actions.githubusercontent.com:${what}`];
      const subjects = [claim("sub")].flat().map(String);
      if (claim("aud") !== "sts.amazonaws.com") violations.push(`${name}: meant for ${claim("aud")}`);
      if (name.endsWith("deploy") && claim("ref") !== "refs/heads/main")
        violations.push(`${name}: ref ${claim("ref")}`);
      if (name.endsWith("deploy") && claim("environment") !== "production")
        violations.push(`${name}: environment ${claim("environment")}`);
      const wanted = name.endsWith("deploy") ? /:environment:production$/ : /:(pull_request|ref:refs\/heads\/main)$/;
      violations.push(
        ...subjects
          .filter((subject) => !wanted.test(subject) || subject.includes("*"))
          .map((subject) => `${name}: ${subject}`),
      );
    }
    return violations;
  },

  "GitHub is believed by numbers, and only the listed owners' repositories get a token": (resources) => {
    const provider = resources.find(({ type }) => type.endsWith(":WorkloadIdentityPoolProvider"));
    const condition = String(provider?.inputs["attributeCondition"]);
    const violations = [];
    if (!/^assertion\.repository_owner_id in \["\d+"(, "\d+")*\] && \(.*\)$/.test(condition))
      violations.push(condition);
    const { issuerUri } = (provider?.inputs["oidc"] ?? {}) as { issuerUri?: string };
    if (issuerUri !== "https://token.actions.githubusercontent.com") violations.push(`issuer ${issuerUri}`);
    const mapping = (provider?.inputs["attributeMapping"] ?? {}) as Record<string, string>;
    for (const name of ["attribute.deploy", "attribute.preview"]) {
      if (!/assertion\.repository_id == "\d+"/.test(mapping[name] ?? "")) violations.push(`${name}: ${mapping[name]}`);
    }
    for (const { name, inputs } of resources.filter(isWorkflowRole)) {
      if (!/"token\.actions\.githubusercontent\.com:repository_id":"\d+"/.test(String(inputs["assumeRolePolicy"])))
        violations.push(`${name} believes a name`);
    }
    for (const grant of resources.filter(isGrant)) {
      violations.push(
        ...membersOf(grant).filter(
          (member) =>
            /^principal/.test(member) &&
            !/\/attribute\.(deploy\/yes|preview\/yes|release\/\d+\/[\w.-]+\.ya?ml\/(tags|branches))$/.test(member),
        ),
      );
    }
    return violations;
  },

  "pull requests and forks push nowhere": (resources) => {
    const provider = resources.find(({ type }) => type.endsWith(":WorkloadIdentityPoolProvider"));
    const mapping = provider?.inputs["attributeMapping"] as Record<string, string> | undefined;
    const release = mapping?.["attribute.release"] ?? "";
    const condition = String(provider?.inputs["attributeCondition"]);
    const right =
      release.includes('assertion.event_name in ["push", "release", "workflow_dispatch", "schedule"]') &&
      release.includes("assertion.ref") &&
      release.includes("assertion.repository_id +") &&
      condition.includes("assertion.ref");
    return right ? [] : [`release: ${release}, condition: ${condition}`];
  },

  "what holds artifacts, and what is promoted, is protected": (resources) =>
    resources
      .filter(
        (resource) =>
          (isMirror(resource) && /:(Repository|Bucket)$/.test(resource.type)) ||
          (/^promotion:/.test(resource.type) && !isOfNothing(resource)) ||
          resource.type.endsWith(":GlobalAddress"),
      )
      .filter(
        ({ type, protect, inputs }) =>
          !protect || (/^gcp:/.test(type) && inputs["deletionPolicy"] !== "PREVENT") || inputs["forceDestroy"] === true,
      )
      .map(shown),

  "buckets have one kind of access, and only mirrors may be public at all": (resources) =>
    resources
      .filter(({ type }) => type === "gcp:storage/bucket:Bucket")
      .filter(
        (bucket) =>
          bucket.inputs["uniformBucketLevelAccess"] !== true ||
          bucket.inputs["publicAccessPrevention"] !== (isMirror(bucket) ? "inherited" : "enforced"),
      )
      .map(shown),

  "removed files can be brought back for 30 days": (resources) =>
    resources
      .filter((resource) => isMirror(resource))
      .filter(({ type, inputs }) => {
        switch (type) {
          case "gcp:storage/bucket:Bucket": {
            const { versioning, softDeletePolicy } = inputs as {
              versioning?: { enabled?: boolean };
              softDeletePolicy?: { retentionDurationSeconds?: number };
            };
            return (
              versioning?.enabled !== true ||
              Number(softDeletePolicy?.retentionDurationSeconds ?? 0) < month ||
              !(inputs["lifecycleRules"] as unknown[] | undefined)?.length // for a stated time, not for ever
            );
          }
          case "aws:s3/bucketVersioning:BucketVersioning":
            return (inputs["versioningConfiguration"] as { status?: string }).status !== "Enabled";
          default:
            return false;
        }
      })
      .map(shown),

  "nothing that is promoted expires, only what was removed or begun": (resources) =>
    resources
      .filter((resource) => isMirror(resource))
      .filter(({ type, inputs }) => {
        const rules = (inputs["lifecycleRules"] ?? inputs["rules"] ?? []) as Record<string, Record<string, unknown>>[];
        switch (type) {
          case "gcp:artifactregistry/repository:Repository":
            return inputs["cleanupPolicies"] !== undefined;
          case "gcp:storage/bucket:Bucket":
            return rules.some(
              ({ condition }) =>
                condition?.["withState"] !== "ARCHIVED" ||
                !(Number(condition["daysSinceNoncurrentTime"]) * day >= month) ||
                Object.keys(condition).length !== 2,
            );
          case "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration":
            return rules.some(
              (rule) =>
                JSON.stringify(rule["expiration"]) !== '{"expiredObjectDeleteMarker":true}' || // of what is removed already
                rule["transitions"] !== undefined ||
                !(Number(rule["noncurrentVersionExpiration"]?.["noncurrentDays"]) * day >= month),
            );
          default:
            return false;
        }
      })
      .map(shown),

  "what is staged expires, and is counted to its project": (resources) =>
    resources
      .filter(
        (resource) =>
          resources.some(({ type, name }) => type === "artifacts:staging:StagingArea" && name === owner(resource)) &&
          /:(Repository|Bucket)$/.test(resource.type),
      )
      .filter((resource) => {
        const { cleanupPolicies, lifecycleRules, labels } = resource.inputs as {
          cleanupPolicies?: { action: string; condition: { tagState?: string; olderThan?: string } }[];
          lifecycleRules?: { action: { type: string }; condition: { age?: number } }[];
          labels?: Record<string, string>;
        };
        const expires =
          cleanupPolicies?.some(
            ({ action, condition }) => action === "DELETE" && condition.tagState === "ANY" && condition.olderThan,
          ) ?? lifecycleRules?.some(({ action, condition }) => action.type === "Delete" && condition.age);
        return !expires || labels?.["budget"] !== owner(resource);
      })
      .map(shown),

  "a bucket in AWS has every setting, as it should be": (resources) =>
    resources
      .filter(({ type }) => type === "aws:s3/bucket:Bucket")
      .flatMap((bucket) => {
        const own = resources.filter((resource) => owner(resource) === owner(bucket));
        return Object.entries(bucketSettings).flatMap(([type, wanted]) => {
          const setting = own.find((resource) => resource.type.endsWith(`:${type}`));
          if (setting === undefined) return [`${bucket.name} has no ${type}`];
          if (setting.inputs["region"] !== bucket.inputs["region"]) return [`${shown(setting)} is elsewhere`];
          return wanted.test(JSON.stringify(setting.inputs)) ? [] : [`${shown(setting)} is not ${wanted}`];
        });
      }),

  "pages of other origins read mirrors, and do nothing else": (resources) =>
    resources
      .filter((resource) => isMirror(resource) && /^gcp:.*:Bucket$|:BucketCorsConfiguration$/.test(resource.type))
      .filter(({ inputs }) => {
        const [rule, ...others] = (inputs["cors"] ?? inputs["corsRules"] ?? []) as Record<string, unknown>[];
        const allowed = [rule?.["origins"] ?? rule?.["allowedOrigins"], rule?.["methods"] ?? rule?.["allowedMethods"]];
        return others.length > 0 || JSON.stringify(allowed) !== '[["*"],["GET","HEAD"]]';
      })
      .map(shown),

  "nothing is read or written in clear": (resources) => [
    ...resources
      .filter(({ type }) => type === "aws:s3/bucket:Bucket")
      .filter(({ inputs: { bucket } }) => {
        const own = resources.find(({ type, inputs }) => type.endsWith(":BucketPolicy") && inputs["bucket"] === bucket);
        const forbids = {
          Effect: "Deny",
          Principal: "*",
          Action: "s3:*",
          Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        };
        return !statements(own?.inputs ?? {}).some(({ Sid: _, ...one }) => isDeepStrictEqual(one, forbids));
      })
      .map((bucket) => `${shown(bucket)} can be used without TLS`),
    ...resources
      .filter(({ type }) => /cloudrunv2.*:Service$/.test(type))
      .filter(({ inputs }) => /"http:/.test(JSON.stringify(told(inputs))))
      .map((redirector) => `${shown(redirector)} sends clients to plain http`),
  ],

  "every region of Google Cloud is complete": (resources) => {
    const regions = resources
      .filter(({ type, component }) => component && type.endsWith(":ImageMirror"))
      .map(({ name }) => name.slice("images-".length));
    const has = (type: RegExp, name: string) =>
      resources.some((resource) => type.test(resource.type) && resource.name === name);
    const backend = resources.find(({ type, name }) => type.endsWith(":BackendService") && name === "redirector");
    const groups = JSON.stringify(backend?.inputs["backends"] ?? "");
    return regions.flatMap((region) =>
      [
        has(/:Repository$/, `images-${region}`) || "no image mirror",
        has(/:Bucket$/, `files-gcp-${region}`) || "no file mirror",
        has(/cloudrunv2.*:Service$/, `redirector-${region}`) || "no redirector",
        has(/:RegionNetworkEndpointGroup$/, `redirector-${region}`) || "no endpoint group",
        groups.includes(`"RegionNetworkEndpointGroup/redirector-${region}"`) || "not behind the load balancer",
      ].flatMap((missing) => (missing === true ? [] : [`${region}: ${missing}`])),
    );
  },

  "every redirector knows every mirror, every promotion goes to every mirror, the canonical one first": (resources) => {
    const all = resources
      .filter(({ component, type }) => component && /(Mirror|R2Store)$/.test(type))
      .map(({ name }) => name);
    const images = all.filter((name) => name.startsWith("images-")).sort();
    const files = all.filter((name) => name.startsWith("files-")).sort();
    const violations: string[] = [];
    const stash = resources.find(({ type }) => type === "pulumi:index:Stash")?.inputs["input"] as
      | { images: { name: string }[] }
      | undefined;
    const first = stash?.images[0]?.name;
    const listed = (lines: unknown) =>
      String(lines)
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => ({ name: line.slice(0, line.indexOf(" ")) }));
    const compare = (who: string, what: string, list: readonly { name: string }[], wanted: readonly string[]) => {
      if (JSON.stringify(list.map(({ name }) => name).sort()) !== JSON.stringify(wanted))
        violations.push(`${who}: ${what} differ`);
      if (what === "images" && list[0]?.name !== first)
        violations.push(`${who}: begins with ${list[0]?.name}, not ${first}`);
    };
    for (const { type, name, inputs } of resources) {
      if (/cloudrunv2.*:Service$/.test(type)) {
        const config = told(inputs) as Record<string, { name: string }[]>;
        compare(name, "images", config["imageMirrors"] ?? [], images);
        compare(name, "files", config["fileMirrors"] ?? [], files);
      }
      if (type === "promotion:index:PromotedImages") {
        compare(name, "images", listed(inputs["mirrors"]), images);
        compare(
          name,
          "layers",
          listed(inputs["layerMirrors"]),
          files.filter((file) => file.startsWith("files-aws-")),
        );
      }
      if (type === "promotion:index:PromotedFiles") compare(name, "files", listed(inputs["mirrors"]), files);
    }
    return violations;
  },

  "only the load balancer reaches the redirector, through the edge's rules": (resources) => {
    const violations = resources
      .filter(({ type }) => /cloudrunv2.*:Service$/.test(type))
      .filter(
        ({ inputs }) =>
          inputs["ingress"] !== "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" || inputs["defaultUriDisabled"] !== true,
      )
      .map(shown);
    const backend = resources.find(({ type }) => type.endsWith(":BackendService"));
    if (!backend?.inputs["securityPolicy"]) violations.push("the backend has no security policy");
    const rules = resources.find(({ type }) => type.endsWith(":SecurityPolicy"))?.inputs["rules"] as
      | { action: string; priority: number; match?: { expr?: { expression: string } } }[]
      | undefined;
    if (!rules?.some(({ action }) => action === "throttle")) violations.push("no rate limit");
    // As Cloud Armor's documentation writes them ("Configure custom rules language attributes").
    for (const what of ["headers['authorization']", "headers['cookie']", "headers['user-agent']", "path", "query"]) {
      const limits = rules?.filter(
        ({ action, match }) => action === "deny(403)" && match?.expr?.expression.includes(`size(request.${what}) > `),
      );
      if (limits?.length !== 1) violations.push(`the size of ${what} is not limited`);
    }
    const order = [...(rules ?? [])].sort((a, b) => a.priority - b.priority).map(({ action }) => action);
    if (order.indexOf("allow") !== order.length - 1) violations.push(`what comes after is never looked at: ${order}`);
    return violations;
  },

  "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer": (resources) => {
    const of = (type: RegExp) => resources.filter((resource) => type.test(resource.type));
    const violations: string[] = [];
    const rules = of(/:GlobalForwardingRule$/).map(
      ({ inputs }) => `${inputs["target"]} ${inputs["ipAddress"]} ${inputs["portRange"]}`,
    );
    for (const { type, name } of of(/:TargetHttps?Proxy$/)) {
      const port = type.endsWith(":TargetHttpsProxy") ? "443" : "80";
      for (const address of ["192.0.2.1", "2001:db8::1"])
        if (!rules.includes(`${idOf(type, name)} ${address} ${port}`)) violations.push(`no ${name} ${address} ${port}`);
    }
    for (const { inputs } of of(/:SSLPolicy$/)) {
      if (!/^TLS_1_[23]$/.test(String(inputs["minTlsVersion"]))) violations.push(`${inputs["minTlsVersion"]}`);
    }
    for (const proxy of of(/:TargetHttpsProxy$/)) {
      const { sslPolicy, certificateMap, quicOverride, tlsEarlyData } = proxy.inputs;
      if (!sslPolicy || !certificateMap || quicOverride !== "ENABLE" || tlsEarlyData !== "DISABLED")
        violations.push(shown(proxy));
    }
    for (const proxy of of(/:TargetHttpProxy$/)) {
      const map = of(/:URLMap$/).find(({ type, name }) => idOf(type, name) === proxy.inputs["urlMap"]);
      const redirect = map?.inputs["defaultUrlRedirect"] as { httpsRedirect?: boolean } | undefined;
      if (redirect?.httpsRedirect !== true) violations.push(`${shown(proxy)} answers in clear`);
    }
    for (const backend of of(/:BackendService$/)) {
      if (!/Strict-Transport-Security: max-age=\d{8}/.test(JSON.stringify(backend.inputs["customResponseHeaders"])))
        violations.push(`${shown(backend)} does not say that it is https for good`);
    }
    for (const zone of of(/:ZoneDnssec$/))
      if (zone.inputs["status"] !== "active") violations.push(`${shown(zone)} is off`);
    for (const record of of(/:DnsRecord$/)) {
      if (record.inputs["proxied"] !== false) violations.push(`${shown(record)} is proxied`);
      const { flags = 0 } = (record.inputs["data"] ?? {}) as { flags?: unknown };
      if (typeof flags !== "number") violations.push(`${shown(record)}: Cloudflare gives flags as a number`);
    }
    const records = declaredDnsRecords(resources);
    if (records.length === 0) return violations; // entered by hand: the stack's output lists them
    const hosts = of(/:Certificate$/).flatMap(({ inputs }) => (inputs["managed"] as { domains: string[] }).domains);
    for (const host of hosts) {
      const own = records.filter(({ name }) => name === host);
      const types = own.map(({ type }) => type);
      for (const type of ["A", "AAAA", "CAA"]) if (!types.includes(type)) violations.push(`${host} has no ${type}`);
      // The two that Certificate Manager may ask (its documentation, "Domain authorization", "CAA records"), nobody else.
      const issuers = own.flatMap(({ type, value }) => (type === "CAA" ? [value] : [])).sort();
      if (issuers.join() !== '0 issue "letsencrypt.org",0 issue "pki.goog"') violations.push(`${host}: ${issuers}`);
    }
    return violations;
  },

  "a redirector starts only when it answers, and a region that fails is left out for a while": (resources) => {
    const violations = resources
      .filter(({ type }) => /cloudrunv2.*:Service$/.test(type))
      .filter(({ inputs }) => {
        const { containers } = inputs["template"] as {
          containers: { startupProbe?: object; readinessProbe?: object }[];
        };
        const { minInstanceCount } = inputs["scaling"] as { minInstanceCount: number };
        // A region can only be found unhealthy where something runs.
        return !containers[0]?.startupProbe || (containers[0].readinessProbe !== undefined) !== minInstanceCount > 0;
      })
      .map(shown);
    for (const backend of resources.filter(({ type }) => type.endsWith(":BackendService"))) {
      const { outlierDetection, logConfig, loadBalancingScheme } = backend.inputs as {
        outlierDetection?: { maxEjectionPercent?: number; consecutiveErrors?: number };
        logConfig?: { enable?: boolean; sampleRate?: number };
        loadBalancingScheme?: string;
      };
      if (!outlierDetection?.consecutiveErrors || !((outlierDetection.maxEjectionPercent ?? 100) <= 50))
        violations.push(`${shown(backend)} sends clients to regions that fail, or leaves out too many`);
      if (logConfig?.enable !== true || !((logConfig.sampleRate ?? 0) > 0))
        violations.push(`${shown(backend)} has no log`);
      if (loadBalancingScheme !== "EXTERNAL_MANAGED") violations.push(`${shown(backend)} is ${loadBalancingScheme}`);
    }
    return violations;
  },

  "a CDN keeps what its bucket says, as long as it says, and no errors": (resources) =>
    resources
      .filter(({ type }) => type.endsWith(":BackendBucket"))
      .filter(({ inputs }) => {
        const { cacheMode, negativeCaching, serveWhileStale } = (inputs["cdnPolicy"] ?? {}) as Record<string, unknown>;
        return (
          inputs["enableCdn"] !== true ||
          inputs["compressionMode"] !== "DISABLED" ||
          cacheMode !== "USE_ORIGIN_HEADERS" ||
          negativeCaching !== false ||
          serveWhileStale !== 0
        );
      })
      .map(shown),

  "each client gets an answer of its own, by where it is": (resources) =>
    resources
      .filter(({ type }) => type.endsWith(":BackendService"))
      .flatMap(({ inputs }) => [
        ...(inputs["enableCdn"] === false ? [] : ["one client's answer is given to others"]),
        ...((inputs["customRequestHeaders"] as string[] | undefined)?.includes(
          `${locationHeader}: {client_city_lat_long}`,
        )
          ? []
          : ["redirectors don't know where clients are"]),
      ]),

  "redirectors run as they were measured, and the newest that answers takes all requests": (resources) =>
    resources
      .filter(({ type }) => /cloudrunv2.*:Service$/.test(type))
      .flatMap((service) => {
        const { scaling, template, traffics } = service.inputs as {
          scaling: { minInstanceCount: number; maxInstanceCount?: number };
          template: {
            executionEnvironment?: string;
            maxInstanceRequestConcurrency?: number;
            timeout?: string;
            containers: { resources?: { cpuIdle?: boolean; limits?: Record<string, string> } }[];
          };
          traffics?: { type: string; percent: number }[];
        };
        const { cpuIdle, limits } = template.containers[0]?.resources ?? {};
        return [
          template.executionEnvironment === "EXECUTION_ENVIRONMENT_GEN2" ? "" : "is not in a microVM: Bun may crash",
          cpuIdle === false ? "" : "probes no mirror between requests",
          limits?.["cpu"] === "1" && limits["memory"] === "512Mi" ? "" : "has another size than was measured",
          (template.maxInstanceRequestConcurrency ?? 80) >= 200 ? "" : "takes few requests at once",
          template.timeout === "10s" ? "" : "may be waited for for minutes",
          (scaling.maxInstanceCount ?? 0) >= scaling.minInstanceCount ? "" : "has no bound",
          traffics?.length === 1 && traffics[0]?.percent === 100 && /_LATEST$/.test(traffics[0].type)
            ? ""
            : "stays an old one",
        ]
          .filter((violation) => violation !== "")
          .map((violation) => `${shown(service)} ${violation}`);
      }),

  "images are scanned in the canonical mirror, when that is wanted": (resources) => {
    const stash = resources.find(({ type }) => type === "pulumi:index:Stash")?.inputs["input"] as
      | { images: { name: string }[] }
      | undefined;
    return resources
      .filter(({ type }) => type.endsWith(":Repository"))
      .filter((repository) => {
        const { enablementConfig } = (repository.inputs["vulnerabilityScanningConfig"] ?? {}) as {
          enablementConfig?: string;
        };
        // Undefined is what the project says: on, if the service is, for each of 22 mirrors.
        return (
          enablementConfig !== "DISABLED" &&
          (enablementConfig !== "INHERITED" || repository.name !== stash?.images[0]?.name)
        );
      })
      .map(shown);
  },

  "requests are logged once, a share of them, and all that fail": (resources) => {
    const backend = resources.find(({ type }) => type.endsWith(":BackendService"));
    const share = (backend?.inputs["logConfig"] as { sampleRate?: number } | undefined)?.sampleRate ?? 1;
    const violations = resources
      .filter(({ type }) => /cloudrunv2.*:Service$/.test(type))
      .filter(({ inputs }) => (told(inputs) as { log?: { sample?: number } }).log?.sample !== share)
      .map((redirector) => `${shown(redirector)} logs another share than ${share}`);
    const excluded = resources.filter(({ type }) => type.endsWith(":ProjectExclusion"));
    // Nothing else may be left out: not the audit log, not the lines that are counted.
    const filter =
      /^resource\.type="cloud_run_revision" resource\.labels\.service_name=~"\^redirector-" logName="projects\/[\w-]+\/logs\/run\.googleapis\.com%2Frequests" httpRequest\.status<500$/;
    if (excluded.length !== 1 || !filter.test(String(excluded[0]?.inputs["filter"])))
      violations.push(`left out of the log: ${excluded.map(({ inputs }) => inputs["filter"])}`);
    return violations;
  },

  "every write to what is staged and published is in the audit log": (resources) =>
    ["artifactregistry.googleapis.com", "storage.googleapis.com"].filter(
      (service) =>
        !resources.some(
          ({ type, inputs }) =>
            type.endsWith(":IAMAuditConfig") &&
            inputs["service"] === service &&
            JSON.stringify(inputs["auditLogConfigs"]) === '[{"logType":"DATA_WRITE"}]',
        ),
    ),

  "the builds of earlier revisions stay, for a rollback": (resources) =>
    resources
      .filter(({ type, name }) => type === "gcp:storage/bucket:Bucket" && name === "redirector-source")
      .filter(({ inputs }) => (inputs["versioning"] as { enabled?: boolean } | undefined)?.enabled !== true)
      .map(shown),

  "certificates are proved by the DNS, and the names point here when everything answers": (resources) => [
    ...resources
      .filter(({ type }) => type.endsWith(":Certificate"))
      .filter(({ inputs }) => !(inputs["managed"] as { dnsAuthorizations?: unknown[] }).dnsAuthorizations?.length)
      .map(shown),
    ...resources
      .filter(
        ({ path, component, type }) => /records$/.test(path.at(-1)!) && !component && !type.startsWith("promotion:"),
      )
      .filter(({ name, after }) => {
        const issued = name.replace(/-a+$/, "-issued");
        const entrances = after.filter((one) => /^(redirector|cdn)-https?-ipv[46]$/.test(one));
        return !after.includes(issued) || entrances.length < (name.startsWith("cdn") ? 2 : 4);
      })
      .map(shown),
  ],

  "a budget counts this project alone, and its alerts have a channel": (resources) =>
    resources
      .filter(({ type }) => type.endsWith(":Budget"))
      .filter(({ inputs }) => {
        const { budgetFilter, allUpdatesRule } = inputs as {
          budgetFilter?: { projects?: string[] };
          allUpdatesRule?: { monitoringNotificationChannels?: string[] };
        };
        return (
          !/^projects\/\d+$/.test(budgetFilter?.projects?.join() ?? "") ||
          !allUpdatesRule?.monitoringNotificationChannels?.length
        );
      })
      .map(shown),

  "somebody is told: every alert has a channel, checks come from several continents": (resources) => {
    const alerts = resources.filter(({ type }) => type.endsWith(":AlertPolicy"));
    const violations = alerts
      .filter(({ inputs }) => !((inputs["notificationChannels"] as string[] | undefined)?.length ?? 0))
      .map(shown);
    for (const slo of resources.filter(({ type }) => type.endsWith(":Slo"))) {
      const windows =
        JSON.stringify(alerts).match(new RegExp(`${slo.inputs["sloId"]}[^,]*, [^,]*?\\d+s`, "g"))?.length ?? 0;
      if (windows < 4) violations.push(`${shown(slo)} has ${windows} windows of burn rates`);
    }
    const checks = resources.filter(({ type }) => type.endsWith(":UptimeCheckConfig"));
    if (!checks.some(({ inputs }) => (inputs["httpCheck"] as { path: string }).path === "/v2/"))
      violations.push("/v2/ is not checked");
    for (const check of checks) {
      const { selectedRegions, httpCheck } = check.inputs as {
        selectedRegions: string[];
        httpCheck: {
          useSsl: boolean;
          validateSsl: boolean;
          port?: number;
          path: string;
          acceptedResponseStatusCodes?: unknown;
        };
      };
      if (selectedRegions.length < 3 || !httpCheck.useSsl || !httpCheck.validateSsl) violations.push(shown(check));
      const { period, timeout } = check.inputs;
      const { port, path, acceptedResponseStatusCodes: accepted } = httpCheck;
      if (period !== "60s" || timeout !== "10s" || port !== 443 || !path.startsWith("/"))
        violations.push(`${shown(check)} is not checked once a minute`);
      if (JSON.stringify(accepted) !== '[{"statusClass":"STATUS_CLASS_2XX"}]')
        violations.push(`${shown(check)} passes`);
    }
    const hosts = resources
      .filter(({ type }) => type.endsWith(":Certificate"))
      .flatMap(({ inputs }) => (inputs["managed"] as { domains: string[] }).domains);
    const checkOf = (host: string, path: RegExp) =>
      checks.find(
        ({ inputs }) =>
          (inputs["monitoredResource"] as { labels: { host: string } }).labels.host === host &&
          path.test((inputs["httpCheck"] as { path: string }).path),
      );
    for (const host of hosts) {
      const check = checkOf(host, host.startsWith("cdn") ? /^\/catalog\/index\.json$/ : /^\/v2\/$/);
      if (check === undefined) violations.push(`${host} is not checked`);
      // Of a check that is redirected it is the last server's certificate.
      const id = `check of ${String(check?.inputs["displayName"])}`;
      const told = alerts.some(({ inputs }) => {
        const conditions = JSON.stringify(inputs["conditions"]);
        return /time_until_ssl_cert_expires/.test(conditions) && conditions.includes(`check_id=\\"${id}\\"`);
      });
      if (!told) violations.push(`nobody is told when the certificate of ${host} is not renewed`);
    }
    const promotes = (what: string) =>
      resources.some(({ type, inputs }) => type.startsWith("promotion:") && inputs[what]);
    for (const path of [
      ...(promotes("images") ? [/^\/v2\/.+\/manifests\/sha256:/] : []),
      ...(promotes("files") ? [/^\/binaries\//] : []),
    ]) {
      if (checkOf(hosts[0] ?? "", path) === undefined) violations.push(`nothing is fetched from a mirror: ${path}`);
    }
    if (!alerts.some(({ inputs }) => JSON.stringify(inputs["conditions"]).includes("conditionMatchedLog")))
      violations.push("nobody is told of a failing deploy or a drift");
    return violations;
  },

  "availability of 99.9 % and latency are promised, over four weeks, and measured at the load balancer": (
    resources,
  ) => {
    const slos = resources.filter(({ type }) => type.endsWith(":Slo"));
    const measured = (about: string, by: RegExp, goal: number) => {
      const slo = slos.find(({ inputs }) => inputs["sloId"] === about);
      return Number(slo?.inputs["goal"]) >= goal &&
        slo?.inputs["rollingPeriodDays"] === 28 &&
        by.test(JSON.stringify(slo.inputs["requestBasedSli"]).replaceAll("\\", ""))
        ? []
        : [`${about}: ${JSON.stringify(slo?.inputs)}`];
    };
    return [
      ...measured("availability", /"badServiceFilter":"[^}]*request_count[^}]*response_code_class="500""/, 0.999),
      ...measured("latency", /https\/backend_latencies" .*"range":\{"max":\d{1,3}\}/, 0.99),
    ];
  },

  "an alert says what to do; of two windows both must burn; lines of a log don't flood": (resources) =>
    resources
      .filter(({ type }) => type.endsWith(":AlertPolicy"))
      .filter(({ inputs }) => {
        const { documentation, combiner, conditions, alertStrategy, severity } = inputs as {
          documentation?: { content?: string };
          combiner?: string;
          conditions: Record<string, unknown>[];
          alertStrategy?: { notificationRateLimit?: { period?: string } };
          severity?: string;
        };
        const logged = conditions.some(({ conditionMatchedLog }) => conditionMatchedLog !== undefined);
        return (
          (documentation?.content ?? "").length < 40 ||
          !/^(CRITICAL|ERROR|WARNING)$/.test(severity ?? "") ||
          combiner !== (conditions.length > 1 ? "AND" : "OR") ||
          // Cloud Monitoring refuses an alert on lines without one (API reference, AlertPolicy.AlertStrategy).
          (logged && !/^\d+s$/.test(alertStrategy?.notificationRateLimit?.period ?? ""))
        );
      })
      .map(shown),

  "what is counted of the log is for somebody, and each alert on it can be made and can fire": (resources) => {
    const counted = new Map(
      resources
        .filter(({ type }) => type === "gcp:logging/metric:Metric")
        .map(({ name, inputs }) => [`logging_googleapis_com:user_${inputs["name"]}`, name]),
    );
    const violations: string[] = [];
    const seen = new Set<string>();
    for (const { alert, query, promql } of promqlAlerts(resources)) {
      // A distribution's sum is of the metric without that ending.
      const metrics = [...query.matchAll(/logging_googleapis_com:\w+?(?=(?:_sum)?\{)/g)].map(([metric]) => metric);
      if (metrics.length === 0 && !countedByGoogle.some((each) => query.includes(`${each}{`)))
        violations.push(`${shown(alert)}: nothing is counted for ${query}`);
      for (const metric of metrics)
        if (!counted.has(metric)) violations.push(`${shown(alert)}: nothing is counted as ${metric}`);
      if (metrics.length > 0 && !metrics.some((metric) => alert.after.includes(counted.get(metric) ?? "")))
        violations.push(`${shown(alert)} comes before its metric`);
      if (promql["disableMetricValidation"] !== true) violations.push(`${shown(alert)} is refused by a first up`);
      const { back, lasts } = hoursOf(promql);
      if (!(back <= 25 && lasts <= 24)) violations.push(`${shown(alert)}: ${back} and ${lasts} hours`);
      for (const metric of metrics) seen.add(metric);
    }
    const dashboard = JSON.stringify(resources.find(({ type }) => type.endsWith(":Dashboard"))?.inputs ?? {});
    for (const [metric, name] of counted) {
      if (!seen.has(metric) && !dashboard.includes(metric)) violations.push(`${name} is counted for nobody`);
    }
    return violations;
  },

  "somebody is told when nobody looks for drift, and what redirectors find": (resources) => {
    const alerts = promqlAlerts(resources);
    const told = (severity: string, query: RegExp) =>
      alerts.find((one) => one.alert.inputs["severity"] === severity && query.test(one.query));
    const silence = told("WARNING", /^absent_over_time\(logging_googleapis_com:user_artifacts_drift_compared\{/);
    const { back, lasts } = hoursOf(silence?.promql ?? {});
    return [
      back + lasts > 25 && back + lasts < 48 ? "" : "a night without a run is not told, or a late one is",
      told("CRITICAL", /user_redirector_unserved\{/) ? "" : "nobody is told of redirectors without a mirror",
      told("WARNING", /user_redirector_mirror_trouble\{/) ? "" : "nobody is told of a sick mirror",
      told("WARNING", /user_redirector_without_ranges\{/) ? "" : "nobody is told of a missing table of addresses",
    ].filter((violation) => violation !== "");
  },
};

/** The alerts whose condition is in PromQL. */
function promqlAlerts(resources: readonly Declared[]) {
  return resources
    .filter(({ type }) => type.endsWith(":AlertPolicy"))
    .flatMap((alert) => {
      const [condition] = alert.inputs["conditions"] as Record<string, Record<string, unknown>>[];
      const promql = condition?.["conditionPrometheusQueryLanguage"];
      return promql === undefined ? [] : [{ alert, promql, query: String(promql["query"]) }];
    });
}

/** How far such a condition looks back, and how long it has to last. */
function hoursOf(promql: Readonly<Record<string, unknown>>): { back: number; lasts: number } {
  const [, count, unit] = /\[(\d+)([hm])\]/.exec(String(promql["query"])) ?? [];
  return {
    back: Number(count) / (unit === "h" ? 1 : 60),
    lasts: Number.parseInt(String(promql["duration"]), 10) / 3600,
  };
}

/** Grants that only add: they replace and remove nothing but tags and lists of images. */
function isAddition({ inputs }: Declared): boolean {
  if (["roles/artifactregistry.writer", "roles/storage.objectCreator"].includes(String(inputs["role"]))) return true;
  const { expression } = (inputs["condition"] ?? {}) as { expression?: string };
  return (
    expression ===
    `resource.name.startsWith("projects/_/buckets/${String(inputs["bucket"])}/objects/containers/registry/") && !resource.name.extract("/_manifests/{reference}").startsWith("sha256:")`
  );
}

/** What the fill may do with objects in S3. What it puts over another object hides that, and the bucket's versions keep it. */
const addsInS3 =
  /^s3:(List(Bucket(Versions|MultipartUploads)?|MultipartUploadParts)|Get(BucketVersioning|BucketObjectLockConfiguration|Object(Tagging|Version)?)|PutObject(Tagging)?|AbortMultipartUpload)$/;

/** A role in AWS that workflows at GitHub take: all but the jobs', which have a property of their own. */
function isWorkflowRole({ type, inputs }: Declared): boolean {
  return type === "aws:iam/role:Role" && !isJob(inputs["name"]);
}

/** Whether it is the name of a Cloud Run job on mirrors, and so of its account and role. */
function isJob(name: unknown): boolean {
  return name === "artifacts-fill" || name === "artifacts-audit";
}

/** What a redirector is configured with. */
function told(inputs: Declared["inputs"]): object {
  const [container] = (inputs["template"] as { containers: { envs: { value: string }[] }[] }).containers;
  return JSON.parse(container?.envs[0]?.value ?? "{}") as object;
}

/** The statements of a bucket's policy in AWS. */
function statements(inputs: Declared["inputs"]): Record<string, unknown>[] {
  return (JSON.parse(String(inputs["policy"] ?? '{"Statement":[]}')) as { Statement: Record<string, unknown>[] })
    .Statement;
}

/** Who may do what in AWS: each action of the policies of the two roles. */
function awsActions(resources: readonly Declared[]): { role: string; action: string; on: string[] }[] {
  return resources
    .filter(({ type }) => type === "aws:iam/rolePolicy:RolePolicy")
    .flatMap(({ inputs }) => {
      const { Statement } = JSON.parse(String(inputs["policy"])) as {
        Statement: { Effect: string; Action: string | string[]; Resource: string | string[] }[];
      };
      return Statement.filter(({ Effect }) => Effect === "Allow").flatMap(({ Action, Resource }) =>
        [Action].flat().map((action) => ({ role: String(inputs["role"]), action, on: [Resource].flat() })),
      );
    });
}

/** The zone of Route 53 that holds the names, or the changes made to it. */
function onTheZone(resources: readonly Declared[], arns: readonly string[]): boolean {
  const zones = declaredDnsRecords(resources).map(
    ({ resource }) => `arn:aws:route53:::hostedzone/${resource.inputs["zoneId"]}`,
  );
  return arns.every((arn) => arn === "arn:aws:route53:::change/*" || zones.includes(arn));
}
