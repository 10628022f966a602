// Whether nodes hold the same: every key of every keyspace, its bytes and its time, and the offset they stand at.

import * as assert from 'uvu/assert'
import { latin1OfArg } from '../../src/bytes.js'
import { GONE, isString, timeIn, type Value, valueIn } from '../../src/keyspace/keyspace.js'
import type { Store } from '../../src/store.js'
import { shown } from '../rdb/corpus.js'

/** `<keyspace>/<key>` to the bytes and the time, keys past their time included: those are not gone before the DEL. */
export function contentOf<V>(store: Store<V>): Map<string, string> {
  const content = new Map<string, string>()
  for (const { index, slots } of store.engine.dataset.keyspaces) {
    for (const [key, slot] of slots) {
      if (slot === GONE) continue
      content.set(`${index}/${key}`, shownUntil(valueIn(slot), timeIn(slot)))
    }
  }
  return new Map([...content].sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** All that is in a value, and the key's time. */
export function shownUntil(value: Value, expiresAt: number | null): string {
  return `${isString(value) ? latin1OfArg(value) : JSON.stringify([value.type, shown(value)])} until ${expiresAt}`
}

/** When consumers of streams were last seen is nobody's business but each node's. */
export function withoutSeen(content: Map<string, string>): Map<string, string> {
  const times = /"seen_time":-?\d+,"active_time":-?\d+/g
  return new Map([...content].map(([key, text]) => [key, text.replace(times, '')]))
}

/** Fails unless all nodes hold what the first does, and stand where it stands in the same history. */
export function equal(first: Store, ...others: Store[]): void {
  const content = withoutSeen(contentOf(first))
  const { replid, offset } = first.status()
  for (const [i, other] of others.entries()) {
    assert.equal(withoutSeen(contentOf(other)), content, `data of node ${i + 2}`)
    const status = other.status()
    assert.equal({ replid: status.replid, offset: status.offset }, { replid, offset }, `history of node ${i + 2}`)
  }
}
