/** A self-signed certificate, generated for each test, without a program and without a key in the repository. */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterFile } from "./cleanup.ts";

/** Both as PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * Lets this process believe a certificate until the current file is over: a worker of mocha runs many files, and one that was left would be taken
 * for the next file's. Call it in a hook or a test.
 */
export function trustInFile({ cert }: KeyAndCertificate): void {
  setDefaultCACertificates([...getCACertificates("default"), cert]);
  afterFile(() => setDefaultCACertificates(ownCertificates));
}

const ownCertificates = getCACertificates("default");

/**
 * A self-signed certificate (RFC 5280, 4.1) for an IPv4 address, valid for a day; as a CA's file it vouches for itself. Its subject is its own: of two CAs
 * with one name OpenSSL takes the first.
 */
export function selfSigned(address: string): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(identifier("2a8648ce3d040302")); // ecdsa-with-SHA256
  const name = sequence(set(sequence(identifier("550403"), text(`artifacts test ${randomBytes(8).toString("hex")}`))));
  const now = Date.now();
  const validity = sequence(time(now - 3_600_000), time(now + 86_400_000));
  const alternative = sequence(tagged(0x87, Buffer.from(address.split(".").map(Number))));
  const extensions = sequence(
    sequence(
      identifier("551d13"),
      tagged(0x01, Buffer.from([0xff])),
      octets(sequence(tagged(0x01, Buffer.from([0xff])))),
    ), // a CA
    sequence(identifier("551d11"), octets(alternative)),
  );
  const serial = tagged(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(8)]));
  const version3 = tagged(0xa0, tagged(0x02, Buffer.from([2])));
  const key = publicKey.export({ type: "spki", format: "der" });
  const content = sequence(version3, serial, algorithm, name, validity, name, key, tagged(0xa3, extensions));
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", content, privateKey)]));
  const der = sequence(content, algorithm, signature).toString("base64");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${der.match(/.{1,64}/g)!.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

/** DER: tag, length, content (X.690, 8.1). */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function set(part: Buffer): Buffer {
  return tagged(0x31, part);
}

function identifier(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, "hex"));
}

function text(value: string): Buffer {
  return tagged(0x0c, Buffer.from(value));
}

function octets(content: Buffer): Buffer {
  return tagged(0x04, content);
}

/** UTCTime: `YYMMDDhhmmssZ`. */
function time(ms: number): Buffer {
  return tagged(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "").slice(2)}`));
}
