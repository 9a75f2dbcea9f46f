// Owns the text of the systemd user unit: systemd.service(5), quoting as in systemd.syntax(7). Pure: it reads and writes nothing.
// Invariant: stopping or restarting the unit ends the server and nothing else; host and sessions lie in the same control group and run on.
import { EXIT, StartError } from './errors.ts';

export const UNIT_NAME = 'claude-on-the-go.service';
/** The server itself gives up waiting after 5 s. */
const STOP_TIMEOUT_S = 10;
/** A server that cannot start tries at this pace for good: a disk or a network may come later. */
const RESTART_S = 2;
/** Bad setting, already served, not allowed: the next start would end the same way. */
const FINAL_EXITS = [EXIT.usage, EXIT.alreadyServed, EXIT.notAllowed];

/** One word in double quotes. `%` begins a specifier everywhere. Throws BAD_SETTING for what no unit can hold. */
function quoted(text: string): string {
  if (/[\0\n\r]/.test(text)) {
    throw new StartError('BAD_SETTING', `${JSON.stringify(text)} cannot stand in a systemd unit.`, { exitCode: EXIT.usage });
  }
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

export interface ServiceUnit {
  /** Absolute argv. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The same text for the same input. */
export function serviceUnitText({ command, environment }: ServiceUnit): string {
  // In a command `$` begins a variable as well; in Environment= it does not.
  const words = command.map((word) => quoted(word).replaceAll('$', '$$$$'));
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
  return `# Written by \`cotg service install\`, which writes it anew; \`cotg service remove\` removes it.
[Unit]
Description=claude-on-the-go: persistent terminals
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${words.join(' ')}
WorkingDirectory=%h
${variables.join('\n')}
# The server alone: host and sessions outlive it.
KillMode=process
TimeoutStopSec=${STOP_TIMEOUT_S}
# A program in a terminal that takes all memory ends alone.
OOMPolicy=continue
# Every program of every terminal counts here.
TasksMax=infinity
Restart=on-failure
RestartSec=${RESTART_S}
RestartPreventExitStatus=${FINAL_EXITS.join(' ')}

[Install]
WantedBy=default.target
`;
}
