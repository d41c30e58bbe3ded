import { canonicalJson } from "../../components/plugin/properties.ts";
import { projectNumber } from "./gcp-kinds.ts";
import type { ProviderFunction } from "./provider.ts";

/** The emulated functions of the gcp provider. */
export const gcpFunctions: Readonly<Record<string, ProviderFunction>> = {
  "gcp:organizations/getIAMPolicy:getIAMPolicy": (args) => {
    const { bindings = [], auditConfigs } = args;
    // In one order: the engine hands over maps in another order each time.
    const policyData = canonicalJson({ bindings, ...(auditConfigs ? { auditConfigs } : {}) });
    return { ...args, id: "policy", policyData };
  },
  "gcp:organizations/getProject:getProject": (args, config) => {
    const project = String(args["projectId"] ?? config["project"] ?? "");
    if (project === "") throw new Error("getProject: the provider has no project (gcp:project)");
    return {
      ...args,
      id: `projects/${project}`,
      projectId: project,
      name: project,
      number: projectNumber,
      billingAccount: "",
      folderId: "",
      orgId: "",
      labels: {},
      effectiveLabels: {},
      pulumiLabels: {},
      tags: {},
      autoCreateNetwork: true,
      deletionPolicy: "PREVENT",
    };
  },
  "gcp:organizations/getClientConfig:getClientConfig": (_args, config) => ({
    id: `projects/${String(config["project"] ?? "")}`,
    project: config["project"] ?? "",
    region: config["region"] ?? "",
    zone: config["zone"] ?? "",
    accessToken: "",
    defaultLabels: config["defaultLabels"] ?? {},
  }),
  "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": (args, config) => {
    const email = `service-${projectNumber}@gs-project-accounts.iam.gserviceaccount.com`;
    return {
      ...args,
      id: email,
      emailAddress: email,
      member: `serviceAccount:${email}`,
      project: args["project"] ?? config["project"] ?? "",
    };
  },
};
