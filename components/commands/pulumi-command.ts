/** How a person calls the Pulumi CLI on a stack: the rehearsal's is reached through an npm script. */
export function pulumiCommand(stack: string): string {
  return stack === "local" ? "npm run pulumi --" : "pulumi";
}
