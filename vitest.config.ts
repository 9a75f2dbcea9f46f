// One runner for every package: node projects read the TypeScript sources (condition @cotg/source), no build needed.
import solid from 'vite-plugin-solid';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** A minute and more, mostly waiting: begun first, so that no worker is alone with one of them at the end. */
const LONG = [
  'soak.test.ts',
  'attach.integration.test.ts',
  'stream.integration.test.ts',
  'startup.integration.test.ts',
  'link.fault.test.ts',
  'process-death.fault.test.ts',
  'compaction.fault.test.ts',
  'load.fault.test.ts',
  'full-disk.fault.test.ts',
  'life.integration.test.ts',
  'screen.integration.test.ts',
  'edges.fault.test.ts',
  'fuzz.test.ts',
  'operations.integration.test.ts',
  'pack.test.ts',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at === -1 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const node = (name: string, root: string, include = ['src/**/*.test.ts', 'test/**/*.test.ts']) => ({
  ssr: { resolve: { conditions: ['@cotg/source', 'node', 'module', 'default'] } },
  resolve: { conditions: ['@cotg/source'] },
  test: {
    name,
    root,
    environment: 'node' as const,
    include,
    // Real processes and real files: a test may wait long for a fact on a loaded machine, never for time.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});

export default defineConfig({
  test: {
    // The cores of the smallest machine we support. A third worker is quicker (635 s), and makes real processes wait for each other: with it
    // five tests of a run failed for that.
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    projects: [
      node('db', 'packages/db'),
      node('pty', 'packages/pty'),
      node('api', 'packages/api'),
      node('screen', 'packages/screen'),
      node('server', 'apps/server'),
      node('scripts', 'scripts', ['*.test.ts', '{bootstrap,layers,suites,faults,security}/**/*.test.ts']),
      {
        plugins: [solid()],
        resolve: { conditions: ['@cotg/source', 'browser'] },
        test: { name: 'web', root: 'apps/web', environment: 'jsdom' as const, include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
      },
    ],
  },
});
