// Owns the secrets that let a device in: how they are made, how a typed one is read, how they are compared. Pure.
import { createHash, randomBytes, randomInt } from 'node:crypto';

const LINK_BYTES = 16;
const REQUEST_BYTES = 32;
/** Without the letters that look like digits or like each other; 8 of them are 40 bits. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_CHARS = 8;
const MATCH_NUMBERS = 10_000;

export const makeLinkSecret = (): string => randomBytes(LINK_BYTES).toString('base64url');
export const makeRequestSecret = (): string => randomBytes(REQUEST_BYTES).toString('base64url');
export const makeMatch = (): string => String(randomInt(MATCH_NUMBERS)).padStart(4, '0');

/** XXXX-XXXX. */
export function makeTypedCode(): string {
  const chars = Array.from({ length: CODE_CHARS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${chars.slice(0, 4)}-${chars.slice(4)}`;
}

/** The eight characters of a code as a person may have typed it; undefined when it is not one. */
export function typedCodeOf(text: string): string | undefined {
  const plain = text
    .toUpperCase()
    .replaceAll(/[\s\-–—]/gu, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1');
  const isCode = plain.length === CODE_CHARS && Array.from(plain).every((char) => ALPHABET.includes(char));
  return isCode ? plain : undefined;
}

/** What is kept of a secret: a look at the memory gives nobody a code. */
export function keyOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
