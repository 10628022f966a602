// Zipmap: what Redis up to 2.4 kept small hashes in. Fields and values in turn.
//
//   u8 count of pairs (254 and more: not known) | pairs | ff
//   pair: length | field | length | u8 bytes that are free behind the value | value | free bytes
//   length: one byte below 254, or fe and u32 little-endian

import { Damage, type Packed, sliceText } from './packed.js'

const END = 0xff
const LONG = 0xfe
const COUNT_UNKNOWN = 254

export class Zipmap implements Packed {
  readonly #bytes: Buffer
  readonly #end: number
  #at = 1
  #seen = 0
  #start = 0
  #stop = 0

  constructor(bytes: Buffer) {
    if (bytes.length < 2) throw new Damage(`a zipmap of ${bytes.length} bytes`)
    if (bytes[bytes.length - 1] !== END) throw new Damage('a zipmap without its end')
    this.#bytes = bytes
    this.#end = bytes.length - 1
  }

  next(): boolean {
    const isValue = this.#seen % 2 === 1
    if (this.#at === this.#end) {
      const pairs = this.#seen / 2
      const count = this.#bytes[0]
      if (isValue) throw new Damage('a zipmap with a field without a value')
      if (count < COUNT_UNKNOWN && count !== pairs) throw new Damage(`a zipmap of ${pairs} pairs that says ${count}`)
      return false
    }
    const length = this.#length()
    let free = 0
    if (isValue) {
      this.#need(1)
      free = this.#bytes[this.#at++]
    }
    this.#need(length + free)
    this.#start = this.#at
    this.#stop = this.#at + length
    this.#at = this.#stop + free
    this.#seen++
    return true
  }

  text(): string {
    return sliceText(this.#bytes, this.#start, this.#stop)
  }

  #length(): number {
    this.#need(1)
    const first = this.#bytes[this.#at++]
    if (first < LONG) return first
    if (first === END) throw new Damage('a zipmap that ends before its end')
    this.#need(4)
    this.#at += 4
    return this.#bytes.readUInt32LE(this.#at - 4)
  }

  #need(count: number): void {
    if (count > this.#end - this.#at) throw new Damage('a string that does not fit in its zipmap')
  }
}
