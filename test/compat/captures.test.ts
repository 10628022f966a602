// What six real servers streamed to a replica while nearly every write command ran, recorded to the byte: applied here, it
// ends in the same data, at the same offset, and arrives at our own replica unchanged.

import { readdirSync, readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { latin1Of } from '../../src/bytes.js'
import { GONE, type Slot, timeIn, valueIn } from '../../src/keyspace/keyspace.js'
import { Store } from '../../src/store.js'
import { difference, expectedValue, type ManifestKey, shown } from '../rdb/corpus.js'
import { suite, until } from '../suite.js'
import { FakePrimary } from './fake-primary.js'

interface Capture {
  server: string
  replid: string
  start_offset: number
  final_offset: number
  layout: { reply_end: number; stream_start: number }
  functions: { code: string }[]
  dbs: Record<string, ManifestKey[]>
}

const DIRECTORY = new URL('../fixtures/streams/', import.meta.url)
const names = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))
  .sort()

const test = suite('compat: captured streams')

for (const name of names) {
  const capture = JSON.parse(readFileSync(new URL(`${name}.json`, DIRECTORY), 'utf8')) as Capture
  const bytes = readFileSync(new URL(`${name}.bin`, DIRECTORY))

  test(`the stream of ${name}`, async () => {
    let isStreaming = false
    const primary = await FakePrimary.start((argv, guest) => {
      if (argv[0] === 'PSYNC') guest.send(bytes.subarray(0, capture.layout.stream_start))
      else if (argv[0] === 'REPLCONF' && argv[1].toUpperCase() === 'ACK' && !isStreaming) {
        isStreaming = true
        guest.send(bytes.subarray(capture.layout.stream_start))
      }
      return argv[0] === 'PSYNC'
    })
    const lines: string[] = []
    const keep = (line: string): void => void lines.push(line)
    const store = new Store({ log: { debug: keep, info: keep, warn: keep, error: keep } })
    const second = new Store()
    try {
      const following = store.replicaOf({ host: '127.0.0.1', port: primary.port })
      await until(() => store.status().link === 'connected', { what: 'the snapshot' }).catch(toldWith(lines))
      await following
      const listener = await store.listen({ port: 0 })
      await second.replicaOf({ host: '127.0.0.1', port: listener.port! })
      const atEnd = (): boolean => store.status().offset === capture.final_offset || store.status().stoppedBy !== null
      await until(atEnd, { what: 'the end of the stream' }).catch(toldWith(lines))
      assert.is(store.status().stoppedBy, null)
      assert.is(store.status().replid, capture.replid)
      assertHolds(store, capture)
      await until(() => second.status().offset === capture.final_offset, { what: 'our replica' })
      assertHolds(second, capture)
    } finally {
      await Promise.all([second.close(), store.close()])
      await primary.close()
    }
  })
}

/** The node's log says why. */
function toldWith(lines: readonly string[]): (error: unknown) => never {
  return (error) => {
    throw new Error(`${error}\n${lines.join('\n')}`)
  }
}

function assertHolds(store: Store, capture: Capture): void {
  for (const { index, slots } of store.engine.dataset.keyspaces) {
    const expected = new Map((capture.dbs[index] ?? []).map((key) => [key.key, key]))
    const held = new Map<string, Slot>(
      [...slots].filter(([, slot]) => slot !== GONE).map(([key, slot]) => [latin1Of(key), slot]),
    )
    assert.equal([...held.keys()].sort(), [...expected.keys()].sort(), `keys of keyspace ${index}`)
    for (const [key, slot] of held) {
      if (slot === GONE) continue
      const value = valueIn(slot)
      const expiresAt = timeIn(slot) ?? -1
      const wanted = expected.get(key)!
      assert.is(difference(shown(value), comparable(capture, wanted)), undefined, `${capture.server}: ${index}/${key}`)
      // Redis 6.2 streams times that count from whenever they arrive.
      if ((wanted.pexpireat as number | string) === 'ttl') assert.ok(expiresAt > 0)
      else assert.is(expiresAt, wanted.pexpireat, `${capture.server}: time of ${index}/${key}`)
    }
  }
}

/** Without what a stream does not carry: when consumers were seen, and what has aged since. */
function comparable(capture: Capture, key: ManifestKey): unknown {
  if (key.type !== 'stream') return expectedValue(key)
  const { pids_tracked, iids_tracked, ...rest } = key.value as Record<string, unknown>
  const groups = (rest.groups as Record<string, unknown>[]).map((group) => {
    const { entries_read, consumers, ...others } = group
    const isKnown = entries_read !== undefined && capture.server !== 'redis-7.0.15'
    const seen = (consumers as Record<string, unknown>[]).map(({ seen_time, active_time, ...one }) => one)
    return { ...others, ...(isKnown && { entries_read }), consumers: seen }
  })
  return { ...rest, groups }
}

test.run()
