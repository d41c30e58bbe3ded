/** A group's name, in the stack's config and in project.yaml. */
export const regionGroupPattern = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
