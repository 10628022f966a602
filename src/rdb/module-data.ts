// What modules keep beside values: described by itself item by item, so that it can be passed over unknown. And the metadata
// that modules hang on single keys (Redis 8.6).

import type { RdbInput } from './input.js'
import type { Reading } from './values.js'

/** The items of a module's data, each with its kind before it. */
const MODULE_END = 0
const MODULE_SIGNED = 1
const MODULE_UNSIGNED = 2
const MODULE_FLOAT = 3
const MODULE_DOUBLE = 4
const MODULE_STRING = 5

/** Passes over the items up to their end. Throws StoreError RDB. */
export function* skipModuleItems(input: RdbInput): Reading<void> {
  for (;;) {
    const offset = input.offset
    let item: number
    while ((item = input.length()) < 0) yield
    switch (item) {
      case MODULE_END:
        return
      case MODULE_SIGNED:
      case MODULE_UNSIGNED:
        while (input.length() < 0) yield
        break
      case MODULE_FLOAT:
        while (!input.has(4)) yield
        input.skip(4)
        break
      case MODULE_DOUBLE:
        while (!input.has(8)) yield
        input.skip(8)
        break
      case MODULE_STRING:
        while (!input.string()) yield
        break
      default:
        throw input.error(`unknown item ${item} in a module's data`, offset)
    }
  }
}

/** Stands before a key, and before the value of a DUMP payload. In a file of Valkey the number means something else. */
export const KEY_METADATA = 243

const CLASS_BYTES = 4
/** A server has no more. */
const MAX_CLASSES = 7
/** The class says that a server without its module may do without the data. */
const MAY_BE_LEFT_OUT = 1
/** By the six bits that stand for each. In the names of modules the last two are the other way round. */
const CLASS_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'

/**
 * The metadata of one key, behind its opcode. What only its module understands is left out where its class allows that, as by
 * a Redis without the module; where not, that is a StoreError RDB. Returns the names of the classes.
 */
export function* skipKeyMetadata(input: RdbInput): Reading<string[]> {
  let count: number
  const start = input.offset
  while ((count = input.length()) < 0) yield
  if (count > MAX_CLASSES) throw input.error(`metadata of ${count} classes on one key`, start)
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const offset = input.offset
    while (!input.has(CLASS_BYTES)) yield
    const spec = input.takeUint32()
    const name = classNameOf(spec)
    if ((spec & MAY_BE_LEFT_OUT) === 0)
      throw input.error(
        `a key has metadata of the class '${name}', which is not known and must not be left out`,
        offset,
      )
    yield* skipModuleItems(input)
    names.push(name)
  }
  return names
}

/** Four letters of six bits, the first one highest, above five bits of a version and three of flags. */
function classNameOf(spec: number): string {
  return [26, 20, 14, 8].map((shift) => CLASS_LETTERS[(spec >>> shift) & 0x3f]).join('')
}
