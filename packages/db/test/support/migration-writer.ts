// A process that opens an older file and is killed in front of the Nth changing statement. Arguments: kind, path, N. Prints "done".
import { openCatalog } from '../../src/catalog.ts';
import { openJournal } from '../../src/journal.ts';
import { killAtStatement } from '../../src/testing.ts';

const [kind = '', path = '', n = '0'] = process.argv.slice(2);
killAtStatement(Number(n)).arm();
if (kind === 'journal') await (await openJournal({ path, synchronous: 'normal' })).close();
else await (await openCatalog({ path })).close();
process.stdout.write('done');
