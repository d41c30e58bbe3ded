/** Sloppy edits of the program, as they happen, that its properties must catch. */
import assert from "node:assert/strict";
import { it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import type { Property } from "../support/graph/property.ts";

/** What becomes of a resource; undefined: it is not there any more. */
export type Change = (resource: Declared) => Declared | undefined;

/** The property that must catch it, what it is, and the edit. */
export type Mutation = readonly [property: string, what: string, change: Change];

/** Changes the inputs of resources whose `type name` matches. */
export function inputs(which: RegExp, change: (inputs: Record<string, unknown>) => Record<string, unknown>): Change {
  return (resource) =>
    which.test(`${resource.type} ${resource.name}`)
      ? { ...resource, inputs: change({ ...resource.inputs }) }
      : resource;
}

/** Sets inputs of resources whose `type name` matches. */
export const set = (which: RegExp, more: Record<string, unknown>): Change =>
  inputs(which, (old) => ({ ...old, ...more }));

/** Replaces part of a text in the inputs of resources whose `type name` matches. */
export const replaceIn = (which: RegExp, name: string, part: string | RegExp, by: string): Change =>
  inputs(which, (old) => ({ ...old, [name]: String(old[name]).replace(part, by) }));

/** Takes away resources whose `type name` matches. */
export function without(which: RegExp): Change {
  return (resource) => (which.test(`${resource.type} ${resource.name}`) ? undefined : resource);
}

/** A test for each of the edits: its property is lost by it; and one that no property is without. */
export function eachIsLost(
  properties: Readonly<Record<string, Property>>,
  mutations: readonly Mutation[],
  resources: () => readonly Declared[],
): void {
  for (const [property, what, change] of mutations) {
    it(`${what} breaks: ${property}`, () => {
      const changed = resources().flatMap((resource) => change(resource) ?? []);
      assert.notDeepEqual(changed, resources(), "the change finds nothing to change");
      const violations = properties[property];
      assert.ok(violations, "there is such a property");
      assert.notDeepEqual(violations(changed), []);
    });
  }
  it("no property is without such a change", () => {
    assert.deepEqual([...new Set(mutations.map(([property]) => property))].sort(), Object.keys(properties).sort());
  });
}
