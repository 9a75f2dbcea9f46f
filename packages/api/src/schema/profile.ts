// Owns the shape of a profile as scripts and pages see it. Its environment is not shown: it may hold secrets.
import { z } from 'zod';

export const profile = z
  .object({
    name: z.string(),
    kind: z.enum(['program', 'claude']).describe('claude: the conversation goes on after a restart.'),
    description: z.string().nullable(),
    command: z.array(z.string()),
    cwd: z.string().nullable().describe("Folder it starts in unless another one is named; null = the owner's home."),
    maxHistoryBytes: z.number().int().nullable().describe('Null = the setting.'),
    idleTimeoutMs: z.number().int().nullable().describe('0 = never; null = the setting.'),
    isDefault: z.boolean().describe('Started when neither a profile nor a command is named.'),
    isFound: z.boolean().describe('Its program is on the PATH.'),
  })
  .meta({ id: 'Profile' });
export type Profile = z.infer<typeof profile>;
