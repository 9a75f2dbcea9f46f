// Owns `/devices`: who is let in, renaming, rights, and putting an end to it.
import { errorCodeOf } from '@cotg/api/client';
import type { Device, DeviceRole, Me } from '@cotg/api/client';
import { createSignal, For, onMount, Show } from 'solid-js';
import type { JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import type { Question } from '../ui/ConfirmDialog.tsx';
import { BackIcon, CloseIcon, PlusIcon } from '../ui/icons.tsx';
import { formatAge } from '../ui/relative-time.ts';
import { useRouter } from '../ui/router.ts';
import { useToasts } from '../ui/toasts.tsx';

const ROLE_WORDS: Readonly<Record<DeviceRole, string>> = {
  admin: 'May do everything',
  type: 'May look and type',
  watch: 'May look',
};
const ROLES = Object.keys(ROLE_WORDS) as DeviceRole[];

export function Devices(): JSX.Element {
  const { client } = useConnection();
  const router = useRouter();
  const toasts = useToasts();
  const [me, setMe] = createSignal<Me>();
  const [devices, setDevices] = createSignal<readonly Device[]>();
  const [question, setQuestion] = createSignal<Question>();
  const isAdmin = (): boolean => me()?.role === 'admin';

  const load = async (): Promise<void> => {
    const now = await client.api.device.me.query();
    setMe(now);
    // Others are for admins to see.
    if (now.role === 'admin') setDevices(await client.api.device.list.query());
    else setDevices(now.device ? [now.device] : []);
  };
  const attempt = (what: () => Promise<unknown>): void => {
    what()
      .then(load)
      .catch((error: unknown) =>
        toasts.show(
          errorCodeOf(error) !== undefined && error instanceof Error ? error.message : 'That did not work. Is this device connected?',
        ),
      );
  };
  onMount(() => {
    document.title = 'Devices';
    attempt(() => Promise.resolve());
  });

  const revoke = (device: Device): void => {
    setQuestion({
      title: device.isThis ? 'Sign this device out?' : `Let “${device.name}” in no longer?`,
      text: 'What it has open is cut at once. It can come back with a new code only.',
      yes: device.isThis ? 'Sign out' : 'Revoke',
      no: 'Keep it',
      isDangerous: true,
      onYes: () => {
        if (!device.isThis) return attempt(() => client.api.device.revoke.mutate({ deviceId: device.id }));
        // The answer may be cut with everything else.
        client.api.device.revoke
          .mutate({ deviceId: device.id })
          .catch(() => undefined)
          .finally(() => client.reconnect('signed out'));
      },
    });
  };
  const revokeOthers = (): void => {
    setQuestion({
      title: 'Let no other device in any longer?',
      text: 'All but this one are cut at once and need a new code each.',
      yes: 'Revoke all others',
      no: 'Keep them',
      isDangerous: true,
      onYes: () => attempt(() => client.api.device.revokeAll.mutate()),
    });
  };

  return (
    <main class="page list-page" data-testid="devices-page" data-loaded={devices() ? '' : undefined}>
      <header class="bar">
        <button type="button" class="icon-button" aria-label="Back" data-testid="back" onClick={() => router.back()}>
          <BackIcon />
        </button>
        <h1>Devices</h1>
      </header>
      <div class="list-scroll">
        <ul class="cards">
          <For each={devices()}>
            {(device) => (
              <DeviceCard
                device={device}
                canSetRole={isAdmin()}
                onRename={(name) => attempt(() => client.api.device.rename.mutate({ deviceId: device.id, name }))}
                onRole={(role) => attempt(() => client.api.device.setRole.mutate({ deviceId: device.id, role }))}
                onRevoke={() => revoke(device)}
              />
            )}
          </For>
        </ul>
        <Show when={isAdmin() && (devices()?.length ?? 0) > 1}>
          <button type="button" class="button wide danger-text" data-testid="revoke-all" onClick={revokeOthers}>
            Revoke all others
          </button>
        </Show>
      </div>
      <Show when={isAdmin()}>
        <footer class="list-actions">
          <button type="button" class="button primary tall wide" data-testid="add-device" onClick={() => router.go({ page: 'add-device' })}>
            <PlusIcon />
            Add a device
          </button>
        </footer>
      </Show>
      <ConfirmDialog question={question()} onClose={() => setQuestion(undefined)} />
    </main>
  );
}

interface DeviceCardProps {
  readonly device: Device;
  readonly canSetRole: boolean;
  readonly onRename: (name: string) => void;
  readonly onRole: (role: DeviceRole) => void;
  readonly onRevoke: () => void;
}

function DeviceCard(props: DeviceCardProps): JSX.Element {
  const ago = (at: string): string => `${formatAge(Date.now() - Date.parse(at))} ago`;
  const seen = (): string => {
    const { connections, createdAt, lastSeenAt } = props.device;
    if (connections > 0) return 'connected now';
    return lastSeenAt === null ? `never used, let in ${ago(createdAt)}` : `last seen ${ago(lastSeenAt)}`;
  };
  const commit = (field: HTMLInputElement): void => {
    const name = field.value.trim();
    if (name !== '' && name !== props.device.name) props.onRename(name);
    else field.value = props.device.name;
  };
  return (
    <li class="card device-card" data-testid="device-card" data-device={props.device.id}>
      <div class="device-main">
        <input
          class="device-name"
          aria-label="Name"
          maxLength={64}
          value={props.device.name}
          onChange={(event) => commit(event.currentTarget)}
        />
        <p class="muted device-seen">{props.device.isThis ? 'this device' : seen()}</p>
        <Show when={props.canSetRole && !props.device.isThis} fallback={<p class="muted device-role">{ROLE_WORDS[props.device.role]}</p>}>
          <select
            class="device-role"
            aria-label={`What “${props.device.name}” may do`}
            value={props.device.role}
            onChange={(event) => props.onRole(ROLES.find((role) => role === event.currentTarget.value) ?? props.device.role)}
          >
            <For each={ROLES}>{(role) => <option value={role}>{ROLE_WORDS[role]}</option>}</For>
          </select>
        </Show>
      </div>
      <button
        type="button"
        class="icon-button card-action"
        aria-label={props.device.isThis ? 'Sign this device out' : `Revoke “${props.device.name}”`}
        data-testid="revoke-device"
        onClick={() => props.onRevoke()}
      >
        <CloseIcon />
      </button>
    </li>
  );
}
