// Owns the app router: which procedures there are.
import { deviceProcedures } from './router/devices.ts';
import { outputProcedures } from './router/output.ts';
import { pairingProcedures } from './router/pairing.ts';
import { scriptingProcedures } from './router/scripting.ts';
import { profileProcedures } from './router/profiles.ts';
import { sessionProcedures } from './router/sessions.ts';
import { systemProcedures } from './router/system.ts';
import { router } from './trpc.ts';

export const appRouter = router({
  session: router({ ...sessionProcedures, ...outputProcedures, ...scriptingProcedures }),
  profile: router(profileProcedures),
  device: router(deviceProcedures),
  pairing: router(pairingProcedures),
  system: router(systemProcedures),
});

export type AppRouter = typeof appRouter;
