import type { Socket } from "node:net";

/** Bytes of a connection's memory. */
const ringBytes = 512 * 1024;
/** The system is offered at least so much room. */
const leastRoom = 32 * 1024;
/** And at most so much, or what is received next would have no place beside it. */
const mostRoom = ringBytes / 2;

/**
 * Memory that one connection receives into, over and over. By itself Node takes 64 KiB of fresh memory for every read, of a layer as of an
 * answer of 300 bytes, and has it collected afterwards: an eighth of a promotion's processor time (bench -- promotion cold, without TLS).
 *
 * What was received may be overwritten once all of it has been read from the socket: so whoever reads has to be done with it, or to have
 * copied it, when it reads on. While something still waits in the socket, everything from its beginning on is kept.
 */
export class ReceiveRing {
  #memory = Buffer.allocUnsafeSlow(ringBytes);
  /** Where what must be kept begins, and where it ends. */
  #begin = 0;
  #end = 0;
  /** It goes on at the start of the memory, and ends before its beginning. */
  #isWrapped = false;

  /** Room for what comes next, which nothing that must be kept lies in. */
  room(): Uint8Array {
    const { length } = this.#memory;
    if (!this.#isWrapped) {
      if (this.#begin >= leastRoom) return this.#piece(0, this.#begin);
      if (length - this.#end >= leastRoom) return this.#piece(this.#end, length);
    } else if (this.#begin - this.#end >= leastRoom) {
      return this.#piece(this.#end, this.#begin);
    }
    this.#memory = Buffer.allocUnsafeSlow(ringBytes);
    this.#begin = this.#end = 0;
    this.#isWrapped = false;
    return this.#piece(0, ringBytes);
  }

  #piece(from: number, to: number): Uint8Array {
    return this.#memory.subarray(from, Math.min(to, from + mostRoom));
  }

  /**
   * Notes what has come into the last {@link room}.
   * @param bytes how much, from its start on.
   * @param isAlone nothing that came before has to be kept.
   */
  received(room: Uint8Array, bytes: number, isAlone: boolean): void {
    if (isAlone) this.#begin = room.byteOffset;
    this.#isWrapped = room.byteOffset < this.#begin;
    this.#end = room.byteOffset + bytes;
  }
}

/** The option `onread` of `net.connect` and `tls.connect` that gives each connection a {@link ReceiveRing}. */
export function receivingInRings() {
  const rings = new WeakMap<ArrayBufferLike, ReceiveRing>();
  /** Node asks for the next room right after it has told of the last; before anything has come, for a connection's first. */
  let asking: ReceiveRing | undefined;
  return {
    buffer(): Uint8Array {
      const ring = asking ?? new ReceiveRing();
      asking = undefined;
      const room = ring.room();
      rings.set(room.buffer, ring);
      return room;
    },
    callback(this: Socket, bytes: number, room: Uint8Array): boolean {
      asking = rings.get(room.buffer)!;
      asking.received(room, bytes, this.readableLength === 0);
      return this.push(room.subarray(0, bytes));
    },
  };
}
