// Young objects are collected while much is loaded.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { systemEnv } from '../src/env.js'
import { MemoryNetwork, Store } from '../src/index.js'
import { YoungObjects } from '../src/young-objects.js'
import { suite } from './suite.js'

const test = suite('young objects')

interface Collection {
  detail: { kind: number }
}

test('after so much work that a collection takes some four milliseconds', () => {
  let nowMs = 0
  let tookMs = 2
  let collected = 0
  const collectYoung = (): void => {
    collected++
    nowMs += tookMs
  }
  const young = new YoungObjects({ ...new MemoryNetwork({ seed: 1 }).env('a'), monotonic: () => nowMs, collectYoung })
  /** How many milliseconds of work come before the next one. */
  const next = (): number => {
    const before = collected
    for (let ms = 1; ; ms++) {
      young.worked(1)
      if (collected > before) return ms
    }
  }
  assert.is(next(), 6, 'the first')
  assert.is(next(), 12, 'half of what it might take')
  tookMs = 12
  assert.is(next(), 12)
  tookMs = 4
  assert.is(next(), 4, 'a third of the work, after one that took three times as long')
  tookMs = 100
  next()
  assert.is(next(), 3, 'no less')
  tookMs = 0
  next()
  assert.is(next(), 12, 'no more')
})

const CAN_COLLECT = Number(process.versions.v8.split('.')[0]) < 13

test("the collector is V8's, and is shown to nobody else; V8 13 and later are not asked", async () => {
  const seen: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.push((entry as unknown as Collection).detail.kind)
  })
  observer.observe({ entryTypes: ['gc'] })
  const { collectYoung } = systemEnv()
  for (let i = 0; i < 3; i++) collectYoung()
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  observer.disconnect()
  const minor = seen.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length
  assert.ok(CAN_COLLECT ? minor >= 3 : minor < 3, `${seen}`)
  assert.is(globalThis.gc, undefined)
  assert.is(runInNewContext('typeof gc'), 'undefined')
})

test('while a file is loaded: nothing else, as long as it takes little time', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-young-'))
  try {
    const written = await Store.open({ dir })
    for (let i = 0; i < 2000; i++) written.set(`key:${i}`, `${i}`.padStart(100, 'x'))
    await written.close()
    for (const [stepMs, isCollecting] of [
      [3, true],
      [0, false],
    ] as const) {
      let collected = 0
      let ms = 0
      const env = { ...systemEnv(), monotonic: () => (ms += stepMs), collectYoung: () => void collected++ }
      await using store = await Store.open({ dir, env })
      assert.is(store.size, 2000)
      assert.is(collected > 0, isCollecting, `${collected} times`)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('the space is held while a file is loaded, and let go however that ends', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-young-'))
  try {
    const written = await Store.open({ dir })
    for (let i = 0; i < 2000; i++) written.set(`key:${i}`, `${i}`.padStart(100, 'x'))
    await written.close()
    let held = 0
    let most = 0
    const hold = (): (() => void) => {
      most = Math.max(most, ++held)
      return () => void held--
    }
    const env = { ...systemEnv(), holdYoungSpace: hold }
    const abort = new AbortController()
    const broken = Store.open({ dir, env, signal: abort.signal, onProgress: () => abort.abort() })
    assert.is(await broken.catch((error: { code: string }) => error.code), 'ABORTED')
    assert.equal([held, most], [0, 1])
    await using store = await Store.open({ dir, env })
    assert.is(store.size, 2000)
    assert.equal([held, most], [0, 1])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('while a snapshot comes from a primary, and not afterwards', async () => {
  const network = new MemoryNetwork({ seed: 1 })
  const primary = new Store({ env: network.env('a') })
  await primary.listen(network.at('a'))
  primary.set('key', 'value')
  let collected = 0
  const env = network.env('b')
  const slow = { ...env, monotonic: () => env.monotonic() + (ms += 13), collectYoung: () => void collected++ }
  let ms = 0
  const replica = new Store({ env: slow })
  const inStep = replica.replicaOf(network.at('a'))
  await network.settle()
  await inStep
  assert.ok(collected > 0)
  const before = collected
  for (let i = 0; i < 100; i++) primary.set('key', `${i}`)
  await network.settle()
  assert.is(replica.get('key'), '99')
  assert.is(collected, before)
  await replica.close()
  await primary.close()
})

test.run()
