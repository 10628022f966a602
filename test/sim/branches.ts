// Every byte that was ever streamed under every replid, and which replid grew out of which: the truth that nodes are held
// against. It hears of ids and bytes where they come to be, and knows nothing of nodes.

/** A stream under one replid. What lies before its start belongs to its parent, if it has one. */
interface Branch {
  readonly replid: string
  readonly start: number
  readonly parent: Branch | null
  bytes: Buffer
  length: number
  /** What was written to be applied as one, in order: from its first position to the one behind it. */
  readonly units: { readonly start: number; readonly end: number }[]
}

const FIRST_BYTES = 16 * 1024

export class Branches {
  readonly #branches = new Map<string, Branch>()

  has(replid: string): boolean {
    return this.#branches.has(replid)
  }

  /** A new id, at that offset. `parent`: the id that the bytes before it belong to. */
  begin(replid: string, start: number, parent: string | null): void {
    const known = parent === null ? null : (this.#branches.get(parent) ?? null)
    this.#branches.set(replid, { replid, start, parent: known, bytes: Buffer.alloc(FIRST_BYTES), length: 0, units: [] })
  }

  /** Where the stream of an id ends, as far as it was written. */
  end(replid: string): number {
    const branch = this.#branches.get(replid)
    return branch === undefined ? 0 : branch.start + branch.length
  }

  /** The node that writes this stream wrote more. */
  extend(replid: string, position: number, bytes: Uint8Array): string | undefined {
    const branch = this.#branches.get(replid)
    if (branch === undefined) return `nobody began ${short(replid)}`
    if (position !== branch.start + branch.length) {
      return `${short(replid)} ends at ${branch.start + branch.length}, and goes on at ${position}`
    }
    if (branch.length + bytes.length > branch.bytes.length) {
      const larger = Buffer.alloc(2 * (branch.length + bytes.length))
      branch.bytes.copy(larger, 0, 0, branch.length)
      branch.bytes = larger
    }
    branch.bytes.set(bytes, branch.length)
    branch.length += bytes.length
    return undefined
  }

  /** Says where bytes from `position` on differ from what was streamed there, if they do. */
  compare(replid: string, position: number, bytes: Uint8Array): string | undefined {
    const known = this.#branches.get(replid)
    if (known === undefined) return `nobody began ${short(replid)}`
    for (let at = 0; at < bytes.length; ) {
      let branch: Branch = known
      let until = branch.start + branch.length
      while (position + at < branch.start) {
        until = branch.start
        if (branch.parent === null) return `${short(replid)} has no byte at ${position + at}: it begins later`
        branch = branch.parent
        until = Math.min(until, branch.start + branch.length)
      }
      const count = Math.min(bytes.length - at, until - position - at)
      if (count <= 0) return `${short(replid)} has no byte at ${position + at}: it ends there`
      const offset = position + at - branch.start
      const expected = branch.bytes.subarray(offset, offset + count)
      const got = bytes.subarray(at, at + count)
      if (expected.compare(got) !== 0) {
        let i = 0
        while (expected[i] === got[i]) i++
        return `the byte at ${position + at + i} of ${short(replid)} is ${got[i]}, and was streamed as ${expected[i]}`
      }
      at += count
    }
    return undefined
  }

  /** What was written from `start` on is to be applied as one, but for a SELECT in front of it. */
  unite(replid: string, start: number): void {
    const branch = this.#branches.get(replid)
    if (branch === undefined) return
    const [at, end] = [start - branch.start, branch.length]
    const select = /^\*2\r\n\$6\r\nSELECT\r\n\$\d+\r\n\d+\r\n/.exec(
      branch.bytes.toString('latin1', at, Math.min(end, at + 40)),
    )
    branch.units.push({ start: start + (select?.[0].length ?? 0), end: branch.start + end })
  }

  /** Whether somebody who stands there has a part of what is to be applied as one. */
  isWithin(replid: string, offset: number): boolean {
    const units = this.#branchAt(replid, offset)?.units ?? []
    const last = units.findLast(({ start }) => start < offset)
    return last !== undefined && offset < last.end
  }

  /** The same for the same place of the same stream, whatever id it is known under. */
  origin(replid: string, offset: number): string {
    return `${this.#branchAt(replid, offset)?.replid ?? replid}:${offset}`
  }

  #branchAt(replid: string, offset: number): Branch | undefined {
    let branch = this.#branches.get(replid)
    while (branch?.parent != null && offset <= branch.start) branch = branch.parent
    return branch
  }
}

export function short(replid: string): string {
  return replid.slice(0, 6)
}
