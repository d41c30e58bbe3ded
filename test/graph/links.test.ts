import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { eachIsLost, type Mutation, set, without } from "./changes.ts";
import { links } from "./links.ts";

let resources: readonly Declared[];

describe("links between resources", () => {
  before(async () => {
    resources = await declare(everything, manifests);
  });

  describe("what must be joined", () => {
    for (const [what, violations] of Object.entries(links)) {
      it(what, () => assert.deepEqual(violations(resources), []));
    }
  });

  const mutations: readonly Mutation[] = [
    [
      "a component grants, and sets, what is its own, there where it is",
      "a mirror's readers are let into another region's",
      set(/:RepositoryIamBinding images-europe-west1-reader$/, { location: "us-central1" }),
    ],
    [
      "a component grants, and sets, what is its own, there where it is",
      "a project's group writes to another one's staging",
      set(/:RepositoryIamBinding staging-new-writer$/, { repository: "staging-full" }),
    ],
    [
      "a component grants, and sets, what is its own, there where it is",
      "a project's files are read from another one's bucket",
      set(/:BucketIAMBinding staging-new-objectViewer$/, { bucket: "demo-staging-full" }),
    ],
    [
      "a component grants, and sets, what is its own, there where it is",
      "versions are kept of another bucket",
      set(/:BucketVersioning files-aws-us-east-1-versioning$/, { bucket: "demo-other" }),
    ],
    [
      "what is in a region is there",
      "a mirror is made in another region",
      set(/:Repository images-europe-west1$/, { location: "us-central1" }),
    ],
    [
      "what is in a region is there",
      "a bucket is made in another region",
      set(/storage.*:Bucket files-gcp-europe-west1$/, { location: "US-CENTRAL1" }),
    ],
    [
      "what is in a region is there",
      "a bucket in AWS is made in another region",
      set(/aws.*:Bucket files-aws-us-east-1$/, { region: "eu-west-1" }),
    ],
    [
      "what is in a region is there",
      "a redirector runs in another region",
      set(/:Service redirector-europe-west1$/, { location: "us-central1" }),
    ],
    [
      "what is in a region is there",
      "a region's clients are sent to another one's redirector",
      set(/:RegionNetworkEndpointGroup redirector-europe-west1$/, { cloudRun: { service: "redirector-us-central1" } }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "a name points elsewhere",
      set(/:DnsRecord artifacts\.example\.org-a$/, { content: "198.51.100.1" }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "IPv6 is IPv4",
      set(/:GlobalAddress artifacts-ipv6$/, { ipVersion: "IPV4" }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "https is answered as http",
      set(/:GlobalForwardingRule redirector-https-ipv4$/, { target: "TargetHttpProxy/redirector" }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "the other load balancer",
      set(/:GlobalForwardingRule redirector-https-ipv4$/, { loadBalancingScheme: "EXTERNAL" }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "https gets only redirects to itself",
      set(/:TargetHttpsProxy redirector$/, { urlMap: "URLMap/redirector-to-https" }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "the second name is forgotten",
      set(/:URLMap redirector$/, { hostRules: [{ hosts: ["artifacts.example.org"], pathMatcher: "all" }] }),
    ],
    [
      "each name leads to its addresses, these to the proxies, and these to the redirectors",
      "no rules at the edge",
      set(/:BackendService redirector$/, { securityPolicy: undefined }),
    ],
    [
      "each certificate is proved, issued and shown for its own name",
      "the second name's certificate is the first's",
      set(/:CertificateMapEntry registry\.example\.org-certificate-entry$/, {
        certificates: ["Certificate/artifacts.example.org-certificate"],
      }),
    ],
    [
      "each certificate is proved, issued and shown for its own name",
      "the proof is of another name",
      set(/:DnsAuthorization registry\.example\.org-authorization$/, { domain: "artifacts.example.org" }),
    ],
    [
      "each certificate is proved, issued and shown for its own name",
      "the proof is not in the DNS",
      without(/:DnsRecord artifacts\.example\.org-proof$/),
    ],
    [
      "what is of a zone, of the state and of GitHub goes there",
      "a record in another zone",
      set(/:DnsRecord artifacts\.example\.org-a$/, { zoneId: "f".repeat(32) }),
    ],
    [
      "what is of a zone, of the state and of GitHub goes there",
      "deploy writes another bucket than the state's",
      set(/:BucketIAMBinding identities-state-objectUser$/, { bucket: "demo-artifacts-us-central1" }),
    ],
    [
      "what is of a zone, of the state and of GitHub goes there",
      "AWS believes another issuer",
      set(/:OpenIdConnectProvider /, { url: "https://token.example.com" }),
    ],
    [
      "what is of a zone, of the state and of GitHub goes there",
      "AWS takes tokens that are meant for others",
      set(/:OpenIdConnectProvider /, { clientIdLists: ["sts.amazonaws.com", "https://github.com/example"] }),
    ],
    [
      "rights in AWS are on the role that they are meant for",
      "preview gets what deploy may",
      set(/:RolePolicy identities-deploy$/, { role: "artifacts-preview" }),
    ],
  ];

  describe("each link is lost by such a change", () => eachIsLost(links, mutations, () => resources));
});
