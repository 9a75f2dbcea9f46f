// Owns what the host needs of a log: structured fields first, then a sentence. Never contents of terminals, never secrets.

export interface HostLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
