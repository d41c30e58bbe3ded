/** URL of the emulated cloud's control API. Ends the process with a message if it is not set. */
export function cloudAddress(): string {
  const address = process.env["ARTIFACTS_CLOUD"];
  if (address) return address;
  process.stderr.write(
    "ARTIFACTS_CLOUD is not set: this provider is emulated and needs a running rehearsal (`npm start`).\n",
  );
  process.exit(1);
}
