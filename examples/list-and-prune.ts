// Lists the sessions and forgets those that have ended, but for pinned ones.
import { api, client } from './sign-in.ts';

for (const session of await api.session.list.query()) {
  const isDone = !session.alive && !session.pinned;
  if (isDone) await api.session.remove.mutate({ sessionId: session.id });
  console.log(`${session.id}  ${isDone ? 'removed' : session.state}  ${session.title}`);
}
await client.close();
