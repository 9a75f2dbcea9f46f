// A process that starts a host and a session and then only waits to be killed: node launcher-process.ts LAUNCH_OPTIONS_AS_JSON.
import { connectOrLaunchHost } from '../../src/client/launcher.ts';
import type { LaunchOptions } from '../../src/client/launcher.ts';
import { createSession } from '../../src/testing/start-test-host.ts';

const { client } = await connectOrLaunchHost(JSON.parse(process.argv[2] ?? '') as LaunchOptions);
const { reply } = await createSession(client);
console.log(JSON.stringify({ hostPid: client.hello.host.pid, sessionId: reply.session.id, childPid: reply.session.pid }));
