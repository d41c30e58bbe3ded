/** Where the emulated cloud's control API is. Ends the process with a clear message if nobody says it. */
export function cloudAddress(): string {
  const address = process.env["ARTIFACTS_CLOUD"];
  if (address) return address;
  process.stderr.write(
    "ARTIFACTS_CLOUD is not set: this provider is emulated and needs a running rehearsal (`npm start`).\n",
  );
  process.exit(1);
}
