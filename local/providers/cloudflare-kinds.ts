import type { ResourceKind } from "./kind.ts";

/** The Cloudflare types that the generic rules do not cover. */
const cloudflareKinds: Readonly<Record<string, ResourceKind>> = {
  "index/dnsRecord:DnsRecord": {
    id: ({ id, seed }) => id || seed.slice(0, 32),
    replaces: ["zoneId", "type", "name"],
    named: null,
    outputs: () => ({ meta: "{}", proxiable: false, proxied: false }),
    exists: () =>
      'failed to make http request: POST dns_records: 400 Bad Request {"code":81058,"message":"An identical record already exists."}',
  },
  "index/zone:Zone": {
    id: ({ inputs, id }) => id || hex(`zone ${String(inputs["name"])}`),
    replaces: ["account", "name"],
    named: null,
    outputs: () => ({
      status: "active",
      type: "full",
      nameServers: ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
    }),
    exists: ({ inputs }) =>
      `failed to make http request: POST zones: 400 Bad Request {"code":1061,"message":"${String(inputs["name"])} already exists"}`,
  },
  // The name is no id: Cloudflare makes a second token of one name.
  "index/apiToken:ApiToken": {
    id: ({ id, seed }) => id || seed.slice(0, 32),
    named: null,
    outputs: ({ seed }) => ({ value: seed.slice(0, 40) }),
  },
  "index/r2Bucket:R2Bucket": {
    id: "{name}",
    named: null,
    exists: () =>
      'failed to make http request: POST r2/buckets: 409 Conflict {"code":10004,"message":"The bucket you tried to create already exists, and you own it."}',
  },
  "index/r2CustomDomain:R2CustomDomain": {
    id: "{domain}",
    named: null,
    exists: ({ inputs }) =>
      `failed to make http request: POST domains/custom: 409 Conflict {"message":"${String(inputs["domain"])} is already in use"}`,
  },
  "index/zoneDnssec:ZoneDnssec": { id: "{zoneId}", named: null, adopts: true },
  "index/zoneSetting:ZoneSetting": { id: "{zoneId}/{settingId}", named: null, adopts: true },
};

/** The kind of a Cloudflare type. */
export function cloudflareKind(token: string): ResourceKind {
  const listed = cloudflareKinds[token.slice("cloudflare:".length)];
  if (listed !== undefined) return listed;
  return {
    id: ({ inputs, id, seed }) => {
      if (id !== "") return id;
      const parent = inputs["zoneId"] ?? inputs["accountId"];
      const own = inputs["name"] ?? inputs["scriptName"];
      return own === undefined ? seed.slice(0, 32) : hex(`${token} ${String(parent)} ${String(own)}`);
    },
    replaces: ["zoneId", "accountId", "scriptName"],
    named: null,
  };
}

/** 32 hex digits, the form of Cloudflare's ids, derived from a text (FNV-1a, four times). */
function hex(text: string): string {
  return [0, 1, 2, 3]
    .map((round) => {
      let hash = 0x811c9dc5 ^ round;
      for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
      return hash.toString(16).padStart(8, "0");
    })
    .join("");
}
