import { GlobalForwardingRule } from "@pulumi/gcp/compute/globalForwardingRule.js";
import { SSLPolicy } from "@pulumi/gcp/compute/sslpolicy.js";
import { TargetHttpsProxy } from "@pulumi/gcp/compute/targetHttpsProxy.js";
import type { URLMap } from "@pulumi/gcp/compute/urlmap.js";
import * as pulumi from "@pulumi/pulumi";
import type { Addresses } from "./domain.ts";

/** What the entrances of a load balancer have in common. */
export interface EntranceArgs {
  readonly project: string;
  /** Prefix of the names in Google Cloud. */
  readonly label: string;
  readonly addresses: Addresses;
}

/** A port at both addresses, which leads to a proxy. */
export function addPort(
  name: string,
  { project, label, addresses }: EntranceArgs,
  { scheme, portRange }: { readonly scheme: "http" | "https"; readonly portRange: string },
  target: pulumi.Output<string>,
  parent: pulumi.Resource,
): readonly GlobalForwardingRule[] {
  return Object.entries(addresses).map(
    ([version, ipAddress]) =>
      new GlobalForwardingRule(
        `${name}-${scheme}-${version}`,
        {
          project,
          name: `${label}-${scheme}-${version}`,
          loadBalancingScheme: "EXTERNAL_MANAGED",
          ipAddress,
          portRange,
          target,
        },
        { parent },
      ),
  );
}

/** Port 443, with the certificates of a map. */
export function addHttps(
  name: string,
  args: EntranceArgs & { readonly urls: URLMap; readonly certificateMap: pulumi.Input<string> },
  parent: pulumi.Resource,
): readonly GlobalForwardingRule[] {
  const { project, label, urls, certificateMap } = args;
  // RESTRICTED excludes the only cipher suites that TLS 1.2 clients of older systems (Windows Server 2012, Java 7) support.
  const tls = new SSLPolicy(name, { project, name: label, profile: "MODERN", minTlsVersion: "TLS_1_2" }, { parent });
  const proxy = new TargetHttpsProxy(
    name,
    {
      project,
      name: label,
      urlMap: urls.id,
      certificateMap: pulumi.interpolate`//certificatemanager.googleapis.com/${certificateMap}`,
      sslPolicy: tls.id,
      quicOverride: "ENABLE",
      tlsEarlyData: "DISABLED",
    },
    { parent },
  );
  return addPort(name, args, { scheme: "https", portRange: "443" }, proxy.id, parent);
}
