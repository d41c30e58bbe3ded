import assert from "node:assert/strict";
import { Region as AwsRegion } from "@pulumi/aws/types/enums/index.js";
import { it } from "mocha";
import { findRegion, regions } from "../../../components/stack/geography.ts";

it("lists each region once, with valid coordinates", () => {
  assert.equal(new Set(regions.map((region) => `${region.cloud} ${region.name}`)).size, regions.length);
  for (const { name, latitude, longitude } of regions) {
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, name);
    assert.ok(latitude !== 0 && longitude !== 0, name);
  }
});

it("has every region of AWS's commercial partition", () => {
  const commercial = Object.values(AwsRegion).filter((name) => !/^(cn|us-gov|us-iso|eu-iso|eusc)/.test(name));
  assert.deepEqual(
    regions.filter((region) => region.cloud === "aws").map((region) => region.name),
    commercial.sort(),
  );
});

it("coordinates match the names of regions", () => {
  // Two regions in one city have the same place; a sign or a swapped pair would show.
  const at = (cloud: "gcp" | "aws", name: string) => {
    const region = findRegion(cloud, name);
    assert.ok(region, name);
    return [region.latitude, region.longitude];
  };
  for (const [gcp, aws] of [
    ["asia-northeast1", "ap-northeast-1"],
    ["australia-southeast1", "ap-southeast-2"],
    ["europe-west3", "eu-central-1"],
    ["us-east4", "us-east-1"],
    ["asia-south1", "ap-south-1"],
    ["northamerica-northeast1", "ca-central-1"],
  ] as const) {
    assert.deepEqual(at("gcp", gcp), at("aws", aws), `${gcp} and ${aws}`);
  }
  const [latitude, longitude] = at("gcp", "southamerica-east1");
  assert.ok(latitude! < 0 && longitude! < 0);
  assert.equal(findRegion("aws", "us-central1"), undefined);
});

it("multi-regions have their members' places, and only regions that they may keep data in", () => {
  const members = (name: string) => findRegion("gcp", name)?.members?.map((member) => member.name) ?? [];
  for (const name of ["us", "europe", "asia"]) {
    assert.ok(members(name).length > 5, name);
    for (const member of members(name)) assert.ok(member.startsWith(`${name}-`), member);
  }
  assert.deepEqual(
    ["europe-west1", "europe-west2", "europe-west6"].map((name) => members("europe").includes(name)),
    [true, false, false],
  );
  assert.equal(
    regions.some(({ members: some }) => some !== undefined),
    false,
    "clients are in regions",
  );
  assert.equal(findRegion("aws", "us"), undefined);
});
