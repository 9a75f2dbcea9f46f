// Owns the writing of the audit: who did what, from where. Never what was typed or printed, never a secret.
import type { AuditEntry, AuditQuery, Caller } from '@cotg/api';
import type { AuditLog } from '@cotg/db/catalog';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

export class Audit {
  readonly #store: AuditLog;
  readonly #log: Logger;

  constructor(store: AuditLog, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Never rejects: what has been done is not said to have failed because it could not be written down. Then the log has it. */
  async record(
    who: Caller | { readonly kind: 'nobody'; readonly address: string },
    action: string,
    detail: Readonly<Record<string, unknown>> = {},
    sessionId?: string,
  ): Promise<void> {
    const actor = who.kind === 'device' ? `device:${who.deviceId}` : who.kind;
    const entry = {
      at: Date.now(),
      actor,
      action,
      detail: { address: who.address, ...detail },
      ...(sessionId === undefined ? {} : { sessionId }),
    };
    await this.recordAs(entry);
  }

  async recordAs(entry: Parameters<AuditLog['append']>[0]): Promise<void> {
    try {
      await this.#store.append(entry);
    } catch (error) {
      this.#log.error({ audit: entry, error: messageOf(error) }, 'the audit could not be written');
    }
  }

  async list({ limit, beforeId }: AuditQuery): Promise<readonly AuditEntry[]> {
    const entries = await this.#store.list({ limit, ...(beforeId === undefined ? {} : { beforeId }) });
    return entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() }));
  }
}
