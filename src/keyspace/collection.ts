// What all collections have in common, as far as a keyspace, a snapshot or an eviction cares. The collections themselves
// are plain data structures beside this file: they know no key, no command, no clock and no wire. Everything in them is
// text (see bytes.ts): a string whose UTF-8 encoding is the bytes, so that any bytes survive.

/** About how many bytes somebody holds. */
export interface Weight {
  bytes: number
}

/**
 * A collection as it was at one moment, for a snapshot to read in parts while the collection changes. It costs little when it
 * is made, whatever the size; what the collection does not hold any more is kept for it as changes come, and counted into the
 * weight that was given. To be closed: until then each change costs a little more.
 */
export interface Image {
  readonly type: CollectionType
  readonly size: number
  close(): void
}

export type CollectionType = 'list' | 'hash' | 'set' | 'zset' | 'stream' | 'vectorset'

export interface Collection {
  readonly type: CollectionType
  /** Elements held. A collection of none is no key, except for a stream. */
  readonly size: number
  /** About how many bytes the elements take. Kept up to date with each change, never counted over. */
  readonly heldBytes: number
  /** A copy that does not change with the original. Takes a time that grows with the size. */
  clone(): Collection
  image(weight: Weight): Image
}

/** About what an element costs beside its characters. */
export const ELEMENT_OVERHEAD_BYTES = 32
