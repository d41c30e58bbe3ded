import { serve } from "../../components/plugin-protocol.ts";
import { awsFunctions } from "./aws-functions.ts";
import { awsKind } from "./aws-kinds.ts";
import { cloudAddress } from "./cloud-address.ts";
import { emulatedProvider } from "./provider.ts";

serve(() => emulatedProvider({ name: "aws", kind: awsKind, functions: awsFunctions }, cloudAddress()));
