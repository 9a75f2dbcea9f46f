// Owns what a procedure is given: who calls, and the ports. Must not know transports or storage.
import type { Caller } from './caller.ts';
import type { DevicesPort } from './ports/devices.ts';
import type { ConnectionLimits } from './ports/limits.ts';
import type { OutputPort, Backlog } from './ports/output.ts';
import type { PairingPort } from './ports/pairing.ts';
import type { ScriptingPort } from './ports/scripting.ts';
import type { ProfilesPort } from './ports/profiles.ts';
import type { SessionsPort } from './ports/sessions.ts';
import type { SystemPort } from './ports/system.ts';

export interface ApiContext {
  readonly caller: Caller;
  readonly sessions: SessionsPort;
  readonly output: OutputPort;
  readonly scripting: ScriptingPort;
  readonly profiles: ProfilesPort;
  readonly system: SystemPort;
  readonly pairing: PairingPort;
  readonly devices: DevicesPort;
  readonly backlog: Backlog;
  readonly limits: ConnectionLimits;
}
