const everybody = { versionedExpr: "SRC_IPS_V1", config: { srcIpRanges: ["*"] } };

/** Requests that the edge refuses before they reach an instance. Rules are evaluated by priority, lowest first. */
export const edgeRules = [
  // One rule for each header: it is not documented how an expression with several evaluates when a request lacks one of the headers.
  ...[
    { header: "authorization", bytes: 8192, who: "Registry tokens are the longest valid value, and shorter than this" },
    { header: "cookie", bytes: 4096, who: "Nothing here sets a cookie" },
    { header: "user-agent", bytes: 1024, who: "No valid client sends such a name" },
  ].map(({ header, bytes, who }, index) => ({
    priority: 900 + index,
    description: who,
    action: "deny(403)",
    match: { expr: { expression: `size(request.headers['${header}']) > ${bytes}` } },
  })),
  {
    priority: 910,
    description: "Longer than any name of an image or file",
    action: "deny(403)",
    match: { expr: { expression: "size(request.path) > 2048 || size(request.query) > 2048" } },
  },
  {
    priority: 1000,
    description: "Limit for one address, below Artifact Registry's own",
    action: "throttle",
    match: everybody,
    rateLimitOptions: {
      conformAction: "allow",
      exceedAction: "deny(429)",
      enforceOnKey: "IP",
      rateLimitThreshold: { count: 2490, intervalSec: 30 },
    },
  },
  { priority: 2_147_483_647, description: "All other requests", action: "allow", match: everybody },
];
