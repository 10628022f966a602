// A replica's link to its primary is a connection that CLIENT LIST shows and CLIENT KILL closes.

import * as assert from 'uvu/assert'
import type { Store } from '../../src/store.js'
import { World } from '../sim/world.js'
import { suite } from '../suite.js'

const test = suite('the connection to a primary')

const list = (store: Store): string => String(store.call('CLIENT', 'LIST', 'TYPE', 'master'))
const count = (store: Store): unknown => /connected_clients:(\d+)/.exec(String(store.call('INFO', 'clients')))?.[1]

test('CLIENT LIST shows it for as long as it stands, and INFO counts it, as Redis does', async () => {
  await using world = new World({})
  const a = await world.node('a')
  const spare = await world.node('spare')
  assert.equal([list(spare), count(spare)], ['', '0'])
  await world.sim.until(spare.replicaOf(world.sim.at('a')))
  a.call('SELECT', '3')
  a.set('k', 1)
  await world.sim.settle()
  assert.match(list(spare), /^id=[1-9]\d* addr=a:0 .* flags=M .* cmd=set user=\(superuser\) /)
  assert.equal([list(spare).split('\n').length, count(spare)], [2, '1'])
  await world.sim.until(spare.promote())
  assert.equal([list(spare), count(spare)], ['', '0'])
})

test('CLIENT KILL closes it, by any name; it comes back and goes on where it was', async () => {
  await using world = new World({})
  const a = await world.node('a')
  const spare = await world.replica('spare', 'a')
  const idOf = (): string => /^id=(\d+)/.exec(list(spare))![1]
  for (const how of [['TYPE', 'master'], ['ADDR', 'a:0'], ['ID', 'its own'], ['a:0']]) {
    const id = idOf()
    const words = how.map((word) => (word === 'its own' ? id : word))
    const { syncPartialOk } = a.engine.stats
    assert.equal(spare.call('CLIENT', 'KILL', ...words), words.length === 1 ? 'OK' : 1)
    a.set(`written while it was closed by ${how[0]}`, 1)
    await world.sim.advance(5000)
    assert.is.not(idOf(), id)
    assert.is(a.engine.stats.syncPartialOk, syncPartialOk + 1)
    assert.is(spare.size, a.size)
  }
  assert.is(a.engine.stats.syncFull, 1)
  assert.is(spare.call('CLIENT', 'KILL', 'TYPE', 'master', 'USER', 'default'), 0)
})

test.run()
