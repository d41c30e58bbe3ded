/** What belongs together is joined: each resource refers to the right other one. A wrong link is a right setting in the wrong place. */

import type { Declared } from "../../local/graph/record-program.ts";
import { declaredDnsRecords } from "../support/graph/dns.ts";
import { idOf } from "../support/graph/program.ts";
import { isGrant, owner, type Property, shown } from "../support/graph/property.ts";

const of = (resources: readonly Declared[], type: string): Declared[] =>
  resources.filter((resource) => resource.type.endsWith(`:${type}`));

const wrong = (resource: Declared, what: string): string => `${shown(resource)}: ${what} ${resource.inputs[what]}`;

export const links: Readonly<Record<string, Property>> = {
  "a component grants, and sets, what is its own, there where it is": (resources) =>
    resources.flatMap((resource) => {
      const { type, inputs } = resource;
      const own = (kind: RegExp) => resources.find((one) => kind.test(one.type) && owner(one) === owner(resource));
      if (type.startsWith("gcp:artifactregistry/") && isGrant(resource)) {
        const repository = own(/artifactregistry.*:Repository$/)?.inputs;
        if (inputs["repository"] !== repository?.["repositoryId"]) return [wrong(resource, "repository")];
        return inputs["location"] === repository?.["location"] ? [] : [wrong(resource, "location")];
      }
      const bucket = /^aws:s3\/bucket\w/.test(type)
        ? own(/^aws:s3\/bucket:Bucket$/)?.inputs["bucket"]
        : /^gcp:storage\/bucket(IAM|Object)/.test(type)
          ? own(/^gcp:storage\/bucket:Bucket$/)?.inputs["name"]
          : undefined;
      return bucket === undefined || bucket === inputs["bucket"] ? [] : [wrong(resource, "bucket")];
    }),

  "what is in a region is there": (resources) => [
    ...of(resources, "Repository")
      .filter(({ name, inputs }) => /^images-/.test(name) && inputs["location"] !== name.slice("images-".length))
      .map((repository) => wrong(repository, "location")),
    ...of(resources, "Bucket")
      .filter(({ name }) => /^files-/.test(name))
      .filter(({ name, inputs }) => {
        const region = name.replace(/^files-(gcp|aws)-/, "");
        return (inputs["region"] ?? String(inputs["location"]).toLowerCase()) !== region;
      })
      .map((bucket) => wrong(bucket, "location")),
    ...of(resources, "Service").flatMap((service) => {
      const region = service.name.slice("redirector-".length);
      const { containers } = service.inputs["template"] as { containers: { baseImageUri: string }[] };
      return [
        ...(service.inputs["location"] === region ? [] : [wrong(service, "location")]),
        ...(containers[0]?.baseImageUri.startsWith(`${region}-docker.pkg.dev/`)
          ? []
          : [`${shown(service)}: base image`]),
      ];
    }),
    ...of(resources, "RegionNetworkEndpointGroup").flatMap((group) => {
      const { service } = (group.inputs["cloudRun"] ?? {}) as { service?: string };
      const target = of(resources, "Service").find(({ inputs }) => inputs["name"] === service);
      return target !== undefined && target.inputs["location"] === group.inputs["region"]
        ? []
        : [`${shown(group)} leads to ${service}`];
    }),
  ],

  "each name leads to its addresses, these to the proxies, and these to the redirectors": (resources) => {
    const violations: string[] = [];
    const byId = (id: unknown) => resources.find(({ type, name }) => idOf(type, name) === id);
    for (const { resource, type, value } of declaredDnsRecords(resources)) {
      const wanted = { A: "192.0.2.1", AAAA: "2001:db8::1" }[type];
      if (wanted !== undefined && value !== wanted) violations.push(`${shown(resource)}: ${value}`);
    }
    for (const address of of(resources, "GlobalAddress")) {
      const wanted = address.name.endsWith("ipv4") ? "IPV4" : "IPV6";
      if (address.inputs["ipVersion"] !== wanted) violations.push(wrong(address, "ipVersion"));
    }
    for (const rule of of(resources, "GlobalForwardingRule")) {
      const wanted = rule.inputs["portRange"] === "443" ? "TargetHttpsProxy" : "TargetHttpProxy";
      if (!byId(rule.inputs["target"])?.type.endsWith(`:${wanted}`)) violations.push(wrong(rule, "target"));
      if (rule.inputs["loadBalancingScheme"] !== "EXTERNAL_MANAGED")
        violations.push(wrong(rule, "loadBalancingScheme"));
    }
    const names = of(resources, "Certificate").flatMap(
      ({ inputs }) => (inputs["managed"] as { domains: string[] }).domains,
    );
    for (const proxy of of(resources, "TargetHttpsProxy")) {
      const map = byId(proxy.inputs["urlMap"]);
      const { hostRules, pathMatchers, defaultService } = (map?.inputs ?? {}) as {
        hostRules?: { hosts: string[]; pathMatcher: string }[];
        pathMatchers?: { name: string; defaultService: string }[];
        defaultService?: string;
      };
      const ofCdn = proxy.inputs["name"] === "artifacts-cdn";
      const backendType = ofCdn ? ":BackendBucket" : ":BackendService";
      for (const name of names.filter((each) => each.startsWith("cdn") === ofCdn)) {
        const rule = hostRules?.find(({ hosts }) => hosts.includes(name));
        const service = pathMatchers?.find((matcher) => matcher.name === rule?.pathMatcher)?.defaultService;
        if (!byId(service)?.type.endsWith(backendType)) violations.push(`${shown(proxy)}: ${name} leads nowhere`);
      }
      if (!byId(defaultService)?.type.endsWith(backendType)) violations.push(wrong(proxy, "urlMap"));
      const [, certificates] = String(proxy.inputs["certificateMap"]).split("//certificatemanager.googleapis.com/");
      if (!byId(certificates)?.type.endsWith(":CertificateMap")) violations.push(wrong(proxy, "certificateMap"));
      if (!byId(proxy.inputs["sslPolicy"])?.type.endsWith(":SSLPolicy")) violations.push(wrong(proxy, "sslPolicy"));
    }
    for (const backend of of(resources, "BackendBucket")) {
      const region = backend.name.slice("cdn-".length);
      const bucket = of(resources, "Bucket").find(({ name }) => name === `files-gcp-${region}`);
      if (backend.inputs["bucketName"] !== bucket?.inputs["name"]) violations.push(wrong(backend, "bucketName"));
    }
    for (const backend of of(resources, "BackendService")) {
      if (!byId(backend.inputs["securityPolicy"])?.type.endsWith(":SecurityPolicy"))
        violations.push(wrong(backend, "securityPolicy"));
    }
    return violations;
  },

  "each certificate is proved, issued and shown for its own name": (resources) =>
    of(resources, "Certificate").flatMap((certificate) => {
      const { domains, dnsAuthorizations } = certificate.inputs["managed"] as {
        domains: string[];
        dnsAuthorizations?: string[];
      };
      const id = idOf(certificate.type, certificate.name);
      return domains.flatMap((name) => {
        const proofs = of(resources, "DnsAuthorization").filter((one) =>
          dnsAuthorizations?.includes(idOf(one.type, one.name)),
        );
        const records = declaredDnsRecords(resources);
        const proved = records.some((record) => record.name === `_acme-challenge.${name}` && record.type === "CNAME");
        const entry = of(resources, "CertificateMapEntry").find(({ inputs }) => inputs["hostname"] === name);
        return [
          proofs.some(({ inputs }) => inputs["domain"] === name) ? "" : `${name} is not proved`,
          proved || records.length === 0 ? "" : `${name} has no proof in the DNS`,
          (entry?.inputs["certificates"] as string[] | undefined)?.includes(id)
            ? ""
            : `${name} is shown no certificate`,
          of(resources, "CertificateMap").some(({ inputs }) => inputs["name"] === entry?.inputs["map"])
            ? ""
            : `${name}'s certificate is in no map`,
        ].filter((violation) => violation !== "");
      });
    }),

  "what is of a zone, of the state and of GitHub goes there": (resources) => {
    const zones = new Set(
      [...declaredDnsRecords(resources).map(({ resource }) => resource), ...of(resources, "ZoneDnssec")].map(
        ({ inputs }) => inputs["zoneId"] ?? inputs["managedZone"],
      ),
    );
    const granted = of(resources, "DnsManagedZoneIamBinding").map(({ inputs }) => inputs["managedZone"]);
    const state = resources.filter(({ name }) => /^identities-state/.test(name));
    return [
      ...(zones.size <= 1 && granted.every((zone) => zones.has(zone)) ? [] : [`zones ${[...zones]} ${granted}`]),
      ...state
        .filter(
          ({ inputs }) =>
            !/-state$/.test(String(inputs["bucket"])) && !/\/cryptoKeys\/state$/.test(String(inputs["cryptoKeyId"])),
        )
        .map((grant) => `${shown(grant)} is on something else`),
      ...of(resources, "OpenIdConnectProvider")
        .filter(
          ({ inputs }) =>
            inputs["url"] !== "https://token.actions.githubusercontent.com" ||
            JSON.stringify(inputs["clientIdLists"]) !== '["sts.amazonaws.com"]',
        )
        .map(shown),
    ];
  },

  "rights in AWS are on the role that they are meant for": (resources) =>
    of(resources, "RolePolicy")
      .filter((policy) => {
        const role = of(resources, "Role").find(({ name }) => name === policy.name);
        return role === undefined || policy.inputs["role"] !== role.inputs["name"];
      })
      .map((policy) => wrong(policy, "role")),
};
