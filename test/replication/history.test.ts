// Ids and offsets: which nodes may go on where they stopped.

import * as assert from 'uvu/assert'
import { History, NO_REPLID } from '../../src/replication/history.js'
import { suite } from '../suite.js'

const test = suite('history')

function make(): History {
  let made = 0
  return new History((bytes) => String(++made).repeat(bytes * 2))
}

const ID = (digit: number): string => String(digit).repeat(40)

test('a new history has an id of its own, nothing behind it, and stands at 0', () => {
  const history = make()
  assert.equal([history.replid, history.replid2, history.secondOffset, history.offset], [ID(1), NO_REPLID, -1, 0])
  assert.ok(history.covers(ID(1), 1))
  assert.not(history.covers(ID(9), 1))
})

test('a branch covers the old id up to where it ends, and the byte after it that nobody has', () => {
  const history = make()
  history.offset = 100
  history.becomeBranch()
  assert.equal([history.replid, history.replid2, history.secondOffset], [ID(2), ID(1), 101])
  history.offset = 150
  assert.ok(history.covers(ID(1), 1))
  assert.ok(history.covers(ID(1), 100))
  assert.ok(history.covers(ID(1), 101), 'it has all 100 bytes of the old id and wants what comes next')
  assert.not(history.covers(ID(1), 102), 'it has a byte of the old id that we do not have')
  assert.ok(history.covers(ID(2), 151))
})

test('a second branch forgets the id before the last', () => {
  const history = make()
  history.becomeBranch()
  history.offset = 10
  history.becomeBranch()
  assert.equal([history.replid, history.replid2, history.secondOffset], [ID(3), ID(2), 11])
  assert.not(history.covers(ID(1), 1))
})

test('a history that starts anew covers nothing of the old, and goes on counting', () => {
  const history = make()
  history.offset = 100
  history.becomeBranch()
  history.becomeNew()
  assert.equal([history.replid, history.replid2, history.secondOffset, history.offset], [ID(3), NO_REPLID, -1, 100])
  assert.not(history.covers(ID(1), 1))
  assert.not(history.covers(ID(2), 1))
})

test('nobody stands in the id that stands for none', () => {
  for (const wanted of [0, 1, 2]) assert.not(make().covers(NO_REPLID, wanted))
})

test("a primary's new name moves the old one to second place, its present name changes nothing", () => {
  const history = make()
  history.offset = 50
  history.becomeRenamed(ID(1))
  assert.is(history.replid2, NO_REPLID)
  history.becomeRenamed(ID(7))
  assert.equal([history.replid, history.replid2, history.secondOffset, history.offset], [ID(7), ID(1), 51, 50])
})

test('a full sync takes id and offset over and forgets the rest', () => {
  const history = make()
  history.offset = 50
  history.becomeBranch()
  history.becomeCopy(ID(7), 1234)
  assert.equal([history.replid, history.replid2, history.secondOffset, history.offset], [ID(7), NO_REPLID, -1, 1234])
  assert.throws(() => history.becomeCopy('short', 1), /broken invariant/)
})

test.run()
