/** The condition of a grant for the objects below a folder of a bucket in Cloud Storage (IAM docs, "Attribute reference for IAM Conditions"). */
export function isObjectBelow(bucket: string, folder: string): string {
  return `resource.name.startsWith("projects/_/buckets/${bucket}/objects/${folder}")`;
}
