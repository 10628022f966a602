// Targets that fail in each of the ways there are: to see that the harness tells them.

import { Defect, type Target } from './target.js'

const BAD = 7

function bad(name: string, work: () => void, seed = [1, 2, 3, BAD, 4, 5]): Target {
  return {
    name,
    about: `fails when a ${BAD} comes`,
    limitMs: name === 'slow' ? 200 : 10_000,
    seeds: () => [Buffer.from('harmless'), Buffer.from(seed)],
    run: (input) => {
      if (input.includes(BAD)) work()
    },
  }
}

const eaten: unknown[] = []

export const targets: readonly Target[] = [
  bad('throws', () => {
    throw new Defect('wrong')
  }),
  // Each try to cut these two down is a process: they begin as small as can be.
  bad('hangs', () => {
    for (;;);
  }, [BAD]),
  bad('slow', () => {
    const until = performance.now() + 300
    while (performance.now() < until);
  }),
  bad('swells', () => {
    Buffer.alloc(100 * 1024 * 1024)
  }),
  bad('eats', () => {
    for (;;) eaten.push(new Array(1_000_000).fill(0.5))
  }, [BAD]),
  bad('later', () => {
    setImmediate(() => {
      throw new Error('from nowhere')
    })
  }),
]
