/** One address of a load balancer, and the loopback port that stands for it. */
export interface Address {
  readonly name: string;
  /** The address in the emulated internet, as DNS records name it. */
  readonly address: string;
  /** The port clients use in the real cloud, e.g. 443. */
  readonly addressPort: number;
  readonly https: boolean;
  /** The loopback port. Clear text, also where the real one ends TLS. */
  readonly port: number;
}
