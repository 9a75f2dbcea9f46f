// Owns how compiled components turn their markup into elements under a policy that requires Trusted Types: the build
// points them here instead of at solid-js/web (vite.config.ts). The texts come from our sources at build time, never from
// data, and this policy is used for nothing else; every other way from text to markup is refused by the browser.
import { template as parseTemplate } from 'solid-js/web';

export * from 'solid-js/web';

interface TemplatePolicy {
  createHTML(text: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: TemplatePolicy): TemplatePolicy;
}

/** Named in the content security policy that the server sends: `trusted-types cotg-templates`. */
const POLICY_NAME = 'cotg-templates';
const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy(POLICY_NAME, { createHTML: (text) => text });

/** As in solid-js/web; what the policy returns is handed on as it is (its type there does not know it). */
export const template: typeof parseTemplate = (markup, ...flags) => parseTemplate(policy ? policy.createHTML(markup) : markup, ...flags);
