/** The name in Google Cloud of what stands in front of the buckets: the URL map that is purged, its proxy, and the prefix of the rest. */
export const cloudCdnName = "artifacts-cdn";
