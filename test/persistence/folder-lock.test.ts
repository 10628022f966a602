// One store per folder: within a process, over processes, after a kill, and when several come at once.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { Store, StoreError } from '../../src/index.js'
import { ErrorReply, RawClient } from '../client.js'
import { suite, until } from '../suite.js'

const test = suite('folder lock')

const CHILD = fileURLToPath(new URL('./store-child.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')

let dir: string
const children = new Set<Child>()

test.before.each(() => {
  dir = mkdtempSync(join(tmpdir(), 'hotspare-lock-'))
})
test.after.each(async () => {
  await Promise.all([...children].map((child) => child.kill()))
  children.clear()
  rmSync(dir, { recursive: true, force: true })
})

class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  #lines: string[] = []
  #heard = (): void => {}

  constructor(...args: string[]) {
    this.#process = spawn(process.execPath, ['--import', TSX, CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#ended = new Promise((resolve) => this.#process.once('close', resolve))
    let text = ''
    this.#process.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const lines = text.split('\n')
      text = lines.pop()!
      this.#lines.push(...lines)
      this.#heard()
    })
    children.add(this)
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** The next line that it says. */
  async line(): Promise<string> {
    while (this.#lines.length === 0) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
    return this.#lines.shift()!
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}

const open = (at = dir): Promise<Store> => Store.open({ dir: at, config: { save: '' } })

async function refused(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    assert.is(code, 'LOCKED')
    return message
  }
  throw new Error('it was expected to be refused')
}

test('two stores of one process: the second is refused, until the first is closed; nothing is left of the lock', async () => {
  const first = await open()
  assert.match(await refused(open()), /in use by another store, of this process/)
  await first.close({ save: false })
  const second = await open()
  await second.close({ save: false })
  assert.equal(readdirSync(dir), [])
})

test('two stores at the same moment: one has it, the other is refused', async () => {
  for (let round = 0; round < 6; round++) {
    const outcomes = await Promise.allSettled([open(), open(), open()])
    const stores = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    assert.is(stores.length, 1, `round ${round}`)
    await stores[0].close({ save: false })
  }
})

test('another process is named; killed, it holds nothing any more, and what it left is taken away', async () => {
  const child = new Child(dir)
  assert.is(await child.line(), 'open 0')
  assert.match(await refused(open()), new RegExp(`of process ${child.pid}$`))
  await child.kill()
  assert.is(readdirSync(dir).length, 1, 'a killed process takes nothing away')
  const store = await open()
  const [lock] = readdirSync(dir)
  assert.ok(lock.startsWith(`.hotspare-${process.pid}-`), lock)
  assert.is(readdirSync(dir).length, 1)
  await store.close({ save: false })
})

test('several processes after one that was killed: one of them has the folder', async () => {
  const killed = new Child(dir)
  await killed.line()
  await killed.kill()
  const many = Array.from({ length: 3 }, () => new Child(dir))
  const lines = await Promise.all(many.map((one) => one.line()))
  assert.is(lines.filter((line) => line === 'open 0').length, 1, lines.join('\n'))
  const holder = many[lines.indexOf('open 0')]
  for (const line of lines) if (line !== 'open 0') assert.match(line, /^LOCKED .* of process \d+$/)
  assert.match(await refused(open()), new RegExp(`of process ${holder.pid}$`))
})

test('a folder whose path is longer than that of a socket may be', async () => {
  const long = join(dir, 'x'.repeat(90), 'y'.repeat(90))
  mkdirSync(long, { recursive: true })
  const first = await open(long)
  assert.match(await refused(open(long)), /this process/)
  await first.close()
  const second = await open(long)
  await second.close({ save: false })
  assert.equal(readdirSync(long), ['dump.rdb'])
})

/** A store whose folder follows the directive, as the program's does, and a client of it. */
async function movable(from: string): Promise<{ store: Store; client: RawClient }> {
  let path = from
  const config = { appendonly: 'yes', save: '', 'enable-protected-configs': 'yes', dir: from }
  const store = new Store({ config })
  store.engine.config.on('dir', (dir) => {
    if (!existsSync(dir)) throw new StoreError('INVALID', 'No such file or directory')
    path = dir
  })
  await store.openFile(() => path)
  const { port } = await store.listen({ port: 0 })
  return { store, client: await RawClient.connect({ port: port! }) }
}

test('CONFIG SET dir takes the lock along, and the append-only file is begun anew in the other folder', async () => {
  const [one, other] = ['one', 'other'].map((name) => join(dir, name))
  for (const each of [one, other]) mkdirSync(each)
  const { store, client } = await movable(one)
  await client.ok('SET', 'a', '1')
  assert.is(await client.ok('CONFIG', 'SET', 'dir', other), 'OK')
  assert.match(await refused(open(other)), /this process/)
  await client.ok('SET', 'b', '2')
  await store.durable()
  await until(() => readdirSync(one).every((name) => !name.endsWith('.lock')), { what: 'the old folder is free' })
  const before = await Store.open({ dir: one, config: { appendonly: 'yes', save: '' } })
  assert.equal([...before.keys()], ['a'], 'the old files stay, as they were')
  // Back is not possible now: nothing changes.
  const reply = await client.call('CONFIG', 'SET', 'maxclients', '77', 'dir', one)
  assert.match(
    String(reply),
    /CONFIG SET failed \(possibly related to argument 'dir'\) - the folder .* is in use by another store/,
  )
  assert.equal(await client.ok('CONFIG', 'GET', 'dir'), ['dir', other])
  assert.not.equal(await client.ok('CONFIG', 'GET', 'maxclients'), ['maxclients', '77'])
  assert.match(String(await client.call('CONFIG', 'SET', 'dir', join(dir, 'nowhere'))), 'No such file or directory')
  await before.close({ save: false })
  // A change that fails for another reason leaves no lock behind.
  assert.instance(await client.call('CONFIG', 'SET', 'dir', one, 'maxclients', 'many'), ErrorReply)
  await (await open(one)).close({ save: false })
  await client.ok('MULTI')
  await client.ok('CONFIG', 'SET', 'dir', one)
  assert.match(String(await client.ok('EXEC')), 'is not locked')
  assert.is(await client.ok('CONFIG', 'SET', 'dir', other), 'OK', 'the same one')
  await client.close()
  await store.close({ save: false })
  const after = await Store.open({ dir: other, config: { appendonly: 'yes', save: '' } })
  assert.equal([...after.keys()].sort(), ['a', 'b'])
  await after.close({ save: false })
})

test('the folder of a store that was opened with one stays: CONFIG SET dir is refused', async () => {
  const store = await Store.open({ dir, config: { save: '', 'enable-protected-configs': 'yes' } })
  assert.throws(() => store.call('CONFIG', 'SET', 'dir', tmpdir()), /the folder of this store cannot change/)
  await store.close({ save: false })
})

test('killed at any moment of a save, the file loads, and holds one save or the one after it', {
  limitMs: 60_000,
}, async () => {
  let random = 42
  const chance = (): number => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    return random / 2 ** 32
  }
  for (let round = 0; round < 4; round++) {
    const child = new Child(dir, 'save')
    assert.match(await child.line(), /^open (0|20000)$/)
    let saved = -1
    const saves = 1 + Math.floor(chance() * 3)
    while (saved + 1 < saves) saved = Number((await child.line()).split(' ')[1])
    await new Promise((resolve) => setTimeout(resolve, chance() * 60))
    await child.kill()
    const store = await open()
    assert.is(store.size, 20_000)
    const values = new Set(store.values())
    assert.is(values.size, 1, [...values].join(', '))
    assert.ok(Number(String([...values][0]).split(' ')[1]) >= saved)
    await store.close({ save: false })
    assert.ok(existsSync(join(dir, 'dump.rdb')))
  }
})

test.run()
