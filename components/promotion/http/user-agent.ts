/** In every request (RFC 9110, 10.1.5): firewalls commonly refuse requests without a User-Agent. */
export const userAgent = { "user-agent": "artifacts-promotion" } as const;
