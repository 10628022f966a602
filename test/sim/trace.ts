// What happened in a run, one line an event: virtual time, who, what. A run and its seed give the same lines everywhere, so
// nothing may stand in them that depends on the machine, on real time, or on the words of V8.

import type { NetworkEvent } from '../../src/transports/memory-link.js'

const SHOWN_BYTES = 60
/** Lines that are kept of a run; the first go when there are more. */
const KEPT_LINES = 200_000

export class Trace {
  readonly #nowMs: () => number
  #lines: string[] | null
  #dropped = 0

  /** With `isOn` false nothing is kept, and nothing costs anything. */
  constructor(isOn: boolean, nowMs: () => number) {
    this.#lines = isOn ? [] : null
    this.#nowMs = nowMs
  }

  get isOn(): boolean {
    return this.#lines !== null
  }

  get lines(): readonly string[] {
    const lines = this.#lines ?? []
    return this.#dropped === 0 ? lines : [`(${this.#dropped} lines before these)`, ...lines]
  }

  add(who: string, what: string): void {
    if (this.#lines === null) return
    if (this.#lines.length >= KEPT_LINES) {
      this.#lines = this.#lines.slice(KEPT_LINES / 2)
      this.#dropped += KEPT_LINES / 2
    }
    this.#lines.push(`${(this.#nowMs() / 1000).toFixed(3)} ${who} ${what}`)
  }

  network({ kind, link, from, to, data }: NetworkEvent): void {
    if (this.#lines === null) return
    if (data === undefined) this.add(from, `${kind} ${to} (link ${link})`)
    else this.add(from, `-> ${to} (link ${link}) ${data.length} bytes ${shownBytes(data)}`)
  }
}

/** The first bytes, readable. */
export function shownBytes(data: Uint8Array | string): string {
  const head = typeof data === 'string' ? data.slice(0, SHOWN_BYTES) : latin1(data.subarray(0, SHOWN_BYTES))
  const text = head.replace(/\r\n/g, ' ').replace(/[^ -~]/g, (byte) => `\\x${hex(byte.charCodeAt(0))}`)
  return data.length > SHOWN_BYTES ? `${text}...` : text
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
