import type * as pulumi from "@pulumi/pulumi";

/**
 * The value of an output without its dependencies, once its resource has ended; undefined if the resource failed. The SDK tells a failure by
 * outputs that stay unknown in a real run (RegisterResourceResponse.result).
 */
export async function knownValue<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  const { isKnown, promise } = output as unknown as { isKnown: Promise<boolean>; promise(): Promise<T> };
  return (await isKnown) ? promise.call(output) : undefined;
}
