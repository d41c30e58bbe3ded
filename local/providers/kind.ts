import type { Values } from "../cloud/inventory.ts";

/** What the functions of a {@link ResourceKind} see of a resource. */
export interface Subject {
  readonly inputs: Values;
  /** The provider's settings: project, region, ... */
  readonly config: Values;
  /** The cloud's id; empty while it is being made. */
  readonly id: string;
  /** 64 hex digits, drawn when the resource was made and kept with it: for numbers that the cloud draws. */
  readonly seed: string;
}

/** What is special about one resource type. Everything else is generic. */
export interface ResourceKind {
  /**
   * The id as the real provider forms it. `{name}` stands for an input, else for a setting of the provider. Its inputs identify the
   * resource: changing one replaces it.
   */
  readonly id: string | ((subject: Subject) => string);
  /** Inputs that the cloud needs though the SDK's type does not say so. */
  readonly required?: readonly string[];
  /** More inputs whose change replaces the resource. */
  readonly replaces?: readonly string[];
  /** The inputs that can be changed in place; the change of any other replaces. Instead of `replaces`. */
  readonly updatable?: readonly string[];
  /** The property that gets an automatic name; null = none. Default: `name`, if it is an optional input. */
  readonly named?: string | null;
  /** Outputs with their values, where a generic stand-in would be wrong. */
  readonly outputs?: (subject: Subject) => Values;
  /** Outputs that an update changes: unknown in its preview. */
  readonly volatile?: readonly string[];
  /** Making what exists takes it over, as the cloud does for grants and settings; otherwise it is an error 409. */
  readonly adopts?: boolean;
  /** The cloud's words for what exists already. */
  readonly exists?: (subject: Subject) => string;
  /** Brings the inputs into the form in which the real provider keeps them. */
  readonly normalise?: (inputs: Values) => Values;
}

/** The inputs in a kind's id template. Empty where the id is not a template. */
export function idInputs(kind: ResourceKind): string[] {
  if (typeof kind.id !== "string") return [];
  return [...kind.id.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

/** The id of a resource, as the real provider forms it. An existing one keeps the id it has. */
export function resourceId(kind: ResourceKind, subject: Subject): string {
  if (subject.id !== "") return subject.id;
  if (typeof kind.id !== "string") return kind.id(subject);
  return kind.id.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    String(subject.inputs[name] ?? subject.config[name] ?? ""),
  );
}
