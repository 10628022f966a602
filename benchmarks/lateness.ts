// By how much a timer of 1 ms comes late: the pauses of an event loop, seen from inside. On a machine whose processors are
// all at work (the other server of a comparison has one of them) a thread also waits for its turn, which is no pause of
// ours: where Linux says for how long, that is told apart.

import { closeSync, openSync, readSync } from 'node:fs'

const TIMER_MS = 1

export class Lateness {
  #timer: NodeJS.Timeout | undefined
  #late: number[] = []
  #own: number[] = []
  #file: number | undefined
  readonly #text = Buffer.alloc(100)

  start(): void {
    this.#late = []
    this.#own = []
    try {
      this.#file = openSync('/proc/thread-self/schedstat', 'r')
    } catch {
      this.#file = undefined // not Linux: nothing is told apart
    }
    let at = performance.now()
    let waited = this.#waitedMs()
    this.#timer = setInterval(() => {
      const now = performance.now()
      const waitedNow = this.#waitedMs()
      const late = Math.max(0, now - at - TIMER_MS)
      this.#late.push(late)
      this.#own.push(Math.max(0, late - (waitedNow - waited)))
      at = now
      waited = waitedNow
    }, TIMER_MS)
  }

  stop(): { longestMs: number; p999Ms: number; ownLongestMs: number; ownP999Ms: number } {
    clearInterval(this.#timer)
    if (this.#file !== undefined) closeSync(this.#file)
    const [late, own] = [this.#late, this.#own].map((all) => all.sort((a, b) => a - b))
    return {
      longestMs: late[late.length - 1],
      p999Ms: late[Math.floor(late.length * 0.999)],
      ownLongestMs: own[own.length - 1],
      ownP999Ms: own[Math.floor(own.length * 0.999)],
    }
  }

  /** For how long this thread has been ready to run and did not: the second number of schedstat, ns. */
  #waitedMs(): number {
    if (this.#file === undefined) return 0
    const bytes = readSync(this.#file, this.#text, 0, this.#text.length, 0)
    return Number(this.#text.toString('latin1', 0, bytes).split(' ')[1]) / 1e6
  }
}
