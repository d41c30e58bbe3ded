/** What a rehearsal of an organisation ends with. */
import type { countsByKind, Right } from "./deployed.ts";
import type { RehearsedProject } from "./projects.ts";

/** Something that a person does once (components/stack/first-steps.ts). */
export interface Step {
  readonly title: string;
  readonly commands: readonly string[];
  readonly note?: string;
}

/** What people do by hand, before the first deployment and after it. */
export interface Steps {
  readonly before: readonly Step[];
  readonly after: readonly Step[];
}

/** A project whose artifact was pushed, promoted, pulled and removed. */
export interface RehearsedRow {
  readonly project: string;
  /** The regions of the mirrors that it was in. */
  readonly mirrors: readonly string[];
  /** One line for each client. */
  readonly pulled: readonly string[];
}

/** The page. */
export interface RehearsalPage {
  readonly stack: string;
  /** The stack's file. */
  readonly file: string;
  readonly organization: string;
  readonly kinds: ReturnType<typeof countsByKind>;
  readonly rights: readonly Right[];
  /** The names that clients use. */
  readonly hosts: readonly string[];
  readonly records: readonly string[];
  readonly enteredByHand: boolean;
  readonly staging: readonly {
    readonly project: string;
    readonly registry?: string | undefined;
    readonly bucket?: string | undefined;
  }[];
  readonly rehearsed: readonly RehearsedRow[];
  /** The projects with artifacts in their manifests, whose content is not on this machine. */
  readonly notRehearsed: readonly RehearsedProject[];
  readonly steps: Steps;
  readonly cost: CostTable;
}

/** What `npm run cost` prints: the first two columns are texts, the others amounts; the last row is the total. */
export interface CostTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note: string;
}
