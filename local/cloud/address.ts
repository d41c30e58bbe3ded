/** An address of a load balancer and the loopback port that emulates it. */
export interface Address {
  readonly name: string;
  /** The IP address in DNS records. */
  readonly address: string;
  /** The port in the real cloud, e.g. 443. */
  readonly addressPort: number;
  readonly https: boolean;
  /** The loopback port. Plain HTTP, even where the real load balancer terminates TLS. */
  readonly port: number;
}
