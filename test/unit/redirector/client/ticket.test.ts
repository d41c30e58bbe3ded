import assert from "node:assert/strict";
import { it } from "mocha";
import { ticketOf } from "../../../../redirector/client/ticket.ts";

const ticket = (text: string) => {
  const bytes = Buffer.from(`x${text}y`);
  return ticketOf({ bytes, from: 1, to: bytes.length - 1 });
};

it("the addresses of one network have one ticket, the same in every instance", () => {
  assert.equal(ticket("203.0.113.7"), ticket("203.0.113.254"));
  assert.equal(ticket("2001:db8:1::7"), ticket("2001:db8:1:2:3:4:5:6"));
  assert.notEqual(ticket("203.0.113.7"), ticket("203.0.114.7"));
  assert.notEqual(ticket("2001:db8:1::7"), ticket("2001:db8:2::7"));
  // Written down: another number would send each client elsewhere while a release is rolled out.
  assert.equal(ticket("203.0.113.7").toFixed(4), "18.8825");
});

it("neighbouring networks are spread evenly", () => {
  for (const write of [(n: number) => `10.${n >> 8}.${n & 255}.1`, (n: number) => `2001:db8:${n.toString(16)}::1`]) {
    const tickets = Array.from({ length: 20_000 }, (_, n) => ticket(write(n)));
    assert.ok(tickets.every((each) => each >= 0 && each < 100));
    for (const share of [1, 10, 50]) {
      const got = (100 * tickets.filter((each) => each < share).length) / tickets.length;
      assert.ok(Math.abs(got - share) < 1.2, `${got} % in place of ${share} %`);
    }
  }
});
