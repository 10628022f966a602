// A handle on a collection whose changes are made by somebody else: the same methods, each with a promise. Reading is done
// here, once this node is in step with the primary. A method that changes something is run until it wants its command to be
// run, and again from the start when the answer is there: so each method is written once, in handles/. What it gives must
// then follow from the answer, not from what it reads beside it.

import type { Collection } from '../keyspace/collection.js'
import type { ReplyValue } from '../protocol/writer.js'
import type { Handle, HandleHost } from './handle.js'

type AnyHandleOf = Handle<Collection>

/** What a method gives: of those that return the handle itself, nothing. */
type Result<R> = R extends AnyHandleOf ? undefined : R

/** Properties and methods of a handle as promises. To go through it use `values` and `entries`. */
export type Promised<H> = {
  readonly [K in Exclude<keyof H, 'key' | 'forEach' | symbol>]: H[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Result<R>>
    : Promise<H[K]>
} & { readonly key: string }

export interface PromisedHost {
  readonly here: HandleHost
  /** Changes are made here too: this node is a primary. */
  readonly isHere: boolean
  /** Runs a command where it belongs, to the point where its changes are here. */
  call(argv: (string | number)[]): Promise<ReplyValue>
  /** Resolves when what is read here is what the primary has. */
  caughtUp(): Promise<void>
}

export function promisedHandle<H extends AnyHandleOf>(
  host: PromisedHost,
  key: string,
  make: (host: HandleHost, key: string) => H,
): Promised<H> {
  const model = make(host.here, key)
  const run = async (work: (handle: H) => unknown): Promise<unknown> => {
    const result = (handle: H): unknown => {
      const given = work(handle)
      return given === handle ? undefined : given
    }
    if (host.isHere) return result(make(host.here, key))
    await host.caughtUp()
    const replies: ReplyValue[] = []
    for (;;) {
      try {
        return result(make(new Rehearsal(host.here, replies), key))
      } catch (error) {
        if (!(error instanceof Wanted)) throw error
        replies.push(await host.call(error.argv))
      }
    }
  }
  return new Proxy(model, {
    get(_, name) {
      if (name === 'key') return key
      // Whoever awaits the handle itself asks for `then`.
      if (typeof name === 'symbol' || !(name in model)) return undefined
      if (isMethod(model, name)) {
        return (...args: unknown[]) =>
          run((handle) => (handle[name as keyof H] as (...args: unknown[]) => unknown).apply(handle, args))
      }
      return run((handle) => handle[name as keyof H])
    },
  }) as unknown as Promised<H>
}

/** A command that a method wants to be run. */
class Wanted extends Error {
  readonly argv: (string | number)[]
  constructor(argv: (string | number)[]) {
    super('a command is to be run')
    this.argv = argv
  }
}

/** Answers the commands of a method with what is known already, and stops it at the first that is not. */
class Rehearsal implements HandleHost {
  readonly #host: HandleHost
  readonly #replies: readonly ReplyValue[]
  #next = 0

  constructor(host: HandleHost, replies: readonly ReplyValue[]) {
    this.#host = host
    this.#replies = replies
  }

  get keyspace(): HandleHost['keyspace'] {
    return this.#host.keyspace
  }

  random(): number {
    return this.#host.random()
  }

  call(...argv: (string | number)[]): ReplyValue {
    if (this.#next === this.#replies.length) throw new Wanted(argv)
    return this.#replies[this.#next++]
  }
}

/** Also for getters, which must not be run to find out. */
function isMethod(object: object, name: string): boolean {
  for (let level: object | null = object; level !== null; level = Object.getPrototypeOf(level)) {
    const found = Object.getOwnPropertyDescriptor(level, name)
    if (found !== undefined) return typeof found.value === 'function'
  }
  return false
}
