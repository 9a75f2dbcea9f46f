// Owns the settings as a Markdown table, for the README; a test keeps the two the same.
import { SETTINGS } from './config.ts';

export function settingsTable(): string {
  return Object.entries(SETTINGS)
    .map(([name, setting]) => `| \`${name}\` | ${setting.fallback === undefined ? '' : `\`${setting.fallback}\``} | ${setting.text} |`)
    .join('\n');
}
