import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openCatalog, openCatalogOrSalvage } from '../src/catalog.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { makeRandom } from './support/random.ts';

const SEED = Number(process.env['COTG_SEED'] ?? Date.now() % 1_000_000_000);
const CUTS = 20;

it(`F34: a damaged catalog never stops the server: it is put aside, what can be read is taken over (seed ${SEED})`, async () => {
  using model = temporaryDirectory();
  const catalog = await openCatalog({ path: model.file('catalog.db') });
  for (let n = 0; n < 300; n += 1) await catalog.sessions.setName(`session-${n}`, `name ${n}`);
  const { instanceId } = catalog;
  await catalog.close();
  const random = makeRandom(SEED);
  const size = statSync(model.file('catalog.db')).size;
  let [kept, sameInstance] = [0, 0];
  for (let n = 0; n < CUTS; n += 1) {
    using copy = temporaryDirectory();
    const path = copy.file('catalog.db');
    copyFileSync(model.file('catalog.db'), path);
    const length = n === 0 ? 50 : random.int(0, size - 1);
    truncateSync(path, length);
    const { catalog: opened, recovered } = await openCatalogOrSalvage({ path });
    const what = `seed ${SEED}, cut to ${length} of ${size}`;
    if (length > 0) expect(recovered, what).not.toBeNull();
    if (recovered) expect(existsSync(copy.file(recovered.setAside.name)), what).toBe(true);
    const names = await opened.sessions.list();
    for (const { sessionId, name } of names) expect(name, what).toBe(sessionId.replace('session-', 'name '));
    kept += names.length;
    if (opened.instanceId === instanceId) sameInstance += 1;
    await opened.sessions.setName('another', 'x');
    await opened.close();
  }
  console.log(`${CUTS} cuts: ${kept} of ${CUTS * 300} names taken over, ${sameInstance} kept the name of their instance`);
  expect(kept).toBeGreaterThan(0);
});

it('F35: noise is put aside as it is', async () => {
  using directory = temporaryDirectory();
  const noise = Buffer.from(makeRandom(SEED).bytes(50_000));
  writeFileSync(directory.file('catalog.db'), noise);
  const { catalog, recovered } = await openCatalogOrSalvage({ path: directory.file('catalog.db') });
  expect(recovered?.rows).toBe(0);
  expect(readFileSync(directory.file(recovered?.setAside.name ?? '')).equals(noise)).toBe(true);
  await catalog.close();
});
