// Entry @cotg/db/testing: databases that live as long as a test. Never shipped into a running program.
export { temporaryDirectory } from './testing/temporary-directory.ts';
export type { TemporaryDirectory } from './testing/temporary-directory.ts';
export { openTestCatalog, openTestJournal } from './testing/temp-database.ts';
export type { TestCatalog, TestJournal } from './testing/temp-database.ts';
export { makeLegacyDatabase } from './testing/legacy-database.ts';
export type { LegacyRowFields } from './testing/legacy-database.ts';
export { killAtStatement } from './testing/kill-at-statement.ts';
export { decodeSegment, encodePiece, encodeSealed } from './journal/segment-codec.ts';
