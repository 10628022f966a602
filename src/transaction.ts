// store.transaction: several changes as one MULTI/EXEC in the stream, undone when the work throws. What each key held
// before its first change is kept by the same means that snapshots use.

import type { Engine } from './engine/engine.js'
import { StoreError } from './errors.js'
import {
  type Capture,
  frozen,
  GONE,
  type Keyspace,
  type Slot,
  timeIn,
  type Value,
  valueIn,
} from './keyspace/keyspace.js'

/** What the keys of one keyspace held before the transaction. */
class Before implements Capture {
  readonly keyspace: Keyspace
  readonly #held = new Map<string, { value: Value; expiresAt: number | null } | null>()

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    keyspace.capture(this)
  }

  before(key: string, slot: Slot | undefined): void {
    if (this.#held.has(key)) return
    if (slot === undefined || slot === GONE) this.#held.set(key, null)
    else this.#held.set(key, { value: frozen(valueIn(slot)), expiresAt: timeIn(slot) })
  }

  restore(): void {
    for (const [key, held] of this.#held) {
      if (held === null) this.keyspace.delete(key)
      else this.keyspace.set(key, held.value, held.expiresAt)
    }
  }
}

export function runTransaction<T>(engine: Engine, work: () => T): T {
  if (engine.isInTransaction) return synchronous(work()) // the outer one decides
  const places = [...engine.dataset.keyspaces]
  const captures = places.map((keyspace) => new Before(keyspace))
  const { changesSinceSave } = engine
  const undo = (): void => {
    engine.contents.restore(places)
    for (const capture of captures) capture.restore()
    engine.discardPending()
    engine.changesSinceSave = changesSinceSave
  }
  let undone = false
  engine.beginTransaction()
  engine.channels.hold()
  try {
    return synchronous(work())
  } catch (error) {
    undone = true
    undo()
    throw error
  } finally {
    for (const capture of captures) capture.keyspace.release(capture)
    engine.channels.release(undone)
    engine.endTransaction()
  }
}

function synchronous<T>(result: T): T {
  if (!(result instanceof Promise)) return result
  result.catch(() => {}) // its failure is not the point
  throw new StoreError('INVALID', 'a transaction is synchronous: its work must not return a promise')
}
