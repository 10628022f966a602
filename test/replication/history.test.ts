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

test('a place in a history: held, ahead, parted or unknown, through branches, new names and full syncs', () => {
  const history = make()
  const standing = (digit: number, offset: number): string => history.standingOf({ replid: ID(digit), offset })
  history.offset = 100
  assert.equal([standing(1, 100), standing(1, 101), standing(9, 1)], ['held', 'ahead', 'unknown'])
  history.becomeBranch()
  history.offset = 150
  assert.equal([standing(1, 100), standing(1, 101), standing(2, 150)], ['held', 'parted', 'held'])
  history.becomeRenamed(ID(8))
  history.offset = 160
  assert.equal([standing(1, 100), standing(2, 150), standing(2, 151)], ['held', 'held', 'parted'])
  assert.equal([standing(8, 160), standing(8, 161)], ['held', 'ahead'])
  history.becomeCopy(ID(7), 500)
  assert.equal([standing(1, 100), standing(8, 160), standing(7, 500)], ['unknown', 'unknown', 'held'])
})

test('a place of before sixteen branches is understood, and not one of before seventeen', () => {
  const history = make()
  const first = history.replid
  history.offset = 10
  for (let i = 0; i < 16; i++) history.becomeBranch()
  assert.is(history.standingOf({ replid: first, offset: 10 }), 'held')
  history.becomeBranch()
  assert.is(history.standingOf({ replid: first, offset: 10 }), 'unknown')
})

test('a new id for the same data: places of before are held', () => {
  const history = make()
  history.offset = 100
  history.becomeNew()
  history.offset = 120
  assert.equal(
    [100, 101].map((offset) => history.standingOf({ replid: ID(1), offset })),
    ['held', 'parted'],
  )
  assert.not(history.covers(ID(1), 100))
  history.forgetPast()
  assert.is(history.standingOf({ replid: ID(1), offset: 1 }), 'unknown')
})

test('what was restored from a file may go on in the history of the file', () => {
  const history = make()
  history.becomeRestored(ID(7), 30)
  assert.equal(
    [30, 31].map((offset) => history.standingOf({ replid: ID(7), offset })),
    ['held', 'ahead'],
  )
  history.becomeRenamed(ID(7))
  history.offset = 40
  assert.equal(
    [40, 41].map((offset) => history.standingOf({ replid: ID(7), offset })),
    ['held', 'ahead'],
  )
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
