// Where the server is and the owner's token, from the environment: COTG_URL and COTG_TOKEN (the file owner.token of the data directory).
import { createClient } from '@cotg/api/client';
import type { Client } from '@cotg/api/client';

export const url = process.env['COTG_URL'] ?? 'http://127.0.0.1:7433';
export const token = process.env['COTG_TOKEN'] ?? '';
export const client: Client = createClient({ url, token });
export const api: Client['api'] = client.api;
