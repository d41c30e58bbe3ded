import assert from "node:assert/strict";
import { it } from "mocha";
import { htmlPage } from "../../../local/stack/html-page.ts";
import type { RehearsalPage } from "../../../local/stack/page.ts";
import { textPage } from "../../../local/stack/text-page.ts";

const page: RehearsalPage = {
  stack: "prod",
  file: "Pulumi.prod.yaml",
  organization: "<acme>",
  kinds: [{ cloud: "AWS", kind: "s3 Bucket", count: 1 }],
  rights: [],
  hosts: ["artifacts.acme.dev"],
  records: [],
  enteredByHand: false,
  staging: [],
  rehearsed: [],
  notRehearsed: [],
  steps: { before: [{ title: "A project", commands: ["gcloud x <id>"], note: "its note" }], after: [] },
  cost: {
    head: ["COMPONENT", "WHERE", "A MONTH"],
    rows: [
      ["image mirror", "2 regions", "10.00"],
      ["total", "", "1,243.26"],
    ],
    note: "USD a month",
  },
};

it("the cost is a table in both pages: amounts end below each other, the note is a paragraph", () => {
  const html = htmlPage(page);
  assert.match(html, /<th>COMPONENT<\/th><th>WHERE<\/th><th class="number">A MONTH<\/th>/);
  assert.match(html, /<td>total<\/td><td><\/td><td class="number">1,243\.26<\/td>.*<small>USD a month<\/small>/s);
  assert.match(
    textPage(page),
    /== Cost\n {3}COMPONENT {5}WHERE {7}A MONTH\n {3}image mirror {2}2 regions {5}10\.00\n {3}total {20}1,243\.26\n {3}USD a month$/,
  );
});

it("texts are escaped in HTML", () => {
  assert.match(htmlPage(page), /<b>&lt;acme&gt;<\/b>/);
  assert.match(htmlPage(page), /gcloud x &lt;id&gt;/);
});
