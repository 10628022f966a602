// A process with a store in a folder: it says `open`, or why it has none, and stays until it is killed. With `save` as its
// second argument it writes and saves all the time, and says `saved` each time.

import { Store } from '../../src/index.js'

const [dir, mode] = process.argv.slice(2)

try {
  const store = await Store.open({ dir, config: { save: '' } })
  process.stdout.write(`open ${store.size}\n`)
  setInterval(() => {}, 60_000)
  for (let round = 0; mode === 'save'; round++) {
    for (let i = 0; i < 20_000; i++) store.set(`key:${i}`, `round ${round}`)
    await store.save()
    process.stdout.write(`saved ${round}\n`)
  }
} catch (error) {
  const { code, message } = error as Error & { code?: string }
  process.stdout.write(`${code} ${message}\n`)
}
