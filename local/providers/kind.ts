import type { Values } from "../cloud/inventory.ts";

/** The resource that the functions of a {@link ResourceKind} get. */
export interface Subject {
  readonly inputs: Values;
  /** The provider's settings: project, region, ... */
  readonly config: Values;
  /** The cloud's id; empty before creation. */
  readonly id: string;
  /** 64 random hex digits, chosen at creation and stored: the source of numbers that the cloud assigns. */
  readonly seed: string;
}

/** The special rules of one resource type. Everything else is generic. */
export interface ResourceKind {
  /**
   * The id as the real provider forms it. `{name}` is replaced by an input, else by a setting of the provider. A change of one of these inputs
   * replaces the resource.
   */
  readonly id: string | ((subject: Subject) => string);
  /** Inputs that the cloud requires although the SDK's type does not. */
  readonly required?: readonly string[];
  /** Further inputs whose change replaces the resource. */
  readonly replaces?: readonly string[];
  /** The only inputs that can change in place. Use either this or `replaces`. */
  readonly updatable?: readonly string[];
  /** The property that gets an automatic name; null = none. Default: `name` if it is an optional input. */
  readonly named?: string | null;
  /** Outputs for which the generic placeholder would be wrong. */
  readonly outputs?: (subject: Subject) => Values;
  /** Outputs that every update changes: unknown in a preview. */
  readonly volatile?: readonly string[];
  /** Creating an existing resource adopts it, as the cloud does for grants and settings. Otherwise it is an error 409. */
  readonly adopts?: boolean;
  /** The cloud's error for an existing resource. */
  readonly exists?: (subject: Subject) => string;
  /** Normalises the inputs as the real provider does. */
  readonly normalise?: (inputs: Values) => Values;
}

/** The inputs in a kind's id template; empty if the id is a function. */
export function idInputs(kind: ResourceKind): string[] {
  if (typeof kind.id !== "string") return [];
  return [...kind.id.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

/** The id of a resource, as the real provider forms it. An existing resource keeps its id. */
export function resourceId(kind: ResourceKind, subject: Subject): string {
  if (subject.id !== "") return subject.id;
  if (typeof kind.id !== "string") return kind.id(subject);
  return kind.id.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    String(subject.inputs[name] ?? subject.config[name] ?? ""),
  );
}
