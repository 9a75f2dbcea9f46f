// Owns the id of a viewer's attachment to one session.
//
// Made anew for every attachment and kept in memory alone. It names one line of input numbers and one claim on the size,
// so two live pages must never share it, and the inputs it numbers live in memory too. sessionStorage would break that:
// a duplicated tab starts with a copy of it.

const ID_BYTES = 16;

/** 32 hexadecimal digits. `crypto.randomUUID` is missing on plain-HTTP origins, `getRandomValues` is not. */
export function makeViewerId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
