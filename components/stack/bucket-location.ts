/**
 * The location of a Cloud Storage bucket for a location of Artifact Registry: the two services spell the European
 * multi-region differently (`EU`, `europe`), and Cloud Storage returns upper case, which would show as a difference
 * in every preview.
 */
export function bucketLocation(location: string): string {
  return location === "europe" ? "EU" : location.toUpperCase();
}
