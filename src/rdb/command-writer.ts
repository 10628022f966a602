// All data as commands that bring it about: the base of an append-only file with aof-use-rdb-preamble no, in the place of an RDB
// file, as Redis 7.0 writes it (and 8 the times of fields). The counterpart of writer.ts, for the same walk: in steps, so that a
// collection of millions of elements leaves other work its turn. What has no command that would bring it back to the bit (a vector
// set) is given as RESTORE has it. When and how often keys are used is not told.
//
// Redis leaves out what is pending in a group and no longer in the stream: it has no command for that. Here such entries
// are put in with the others, handed out, and taken away again.

import { type Arg, argOfLatin1, latin1OfArg } from '../bytes.js'
import type { HashImage } from '../keyspace/hash-image.js'
import { isString } from '../keyspace/keyspace.js'
import type { GroupImage, StreamImage, StreamNode } from '../keyspace/stream.js'
import { compareIds, formatId, type StreamId } from '../keyspace/stream-id.js'
import type { VectorSetImage } from '../keyspace/vector-set.js'
import { formatDouble } from '../protocol/double.js'
import { encodeCommand } from '../protocol/parser.js'
import { givingBack } from './given-back.js'
import { RdbOutput } from './output.js'
import { dumpValue } from './payload.js'
import { LONG_STRING, STEP_ELEMENTS, type Steps, type Writable } from './value-writer.js'
import type { DataWriter } from './writer.js'

/** Elements in one command, as in Redis, or as many as it takes for so many bytes. */
const ELEMENTS_A_COMMAND = 64
const COMMAND_BYTES = 64 * 1024
const PIECE_BYTES = 64 * 1024

export class CommandWriter implements DataWriter {
  readonly #output: RdbOutput
  readonly #stampsTime: boolean
  #replid = ''
  #offset = ''

  /** `emit` gets chunks as RdbWriter's does. `stampsTime`: the file begins with when it was written. */
  constructor(emit: (chunk: Buffer) => void, { stampsTime = false } = {}) {
    this.#output = new RdbOutput(emit, { compress: false, checksum: false })
    this.#stampsTime = stampsTime
  }

  get bytesWritten(): number {
    return this.#output.bytesWritten
  }

  header(): void {}

  /** What is told of a file: the time, and the place in a history, which `end` notes. */
  aux(name: string, value: string): void {
    if (name === 'ctime' && this.#stampsTime) this.#output.latin1Bytes(`#TS:${value}\r\n`)
    else if (name === 'repl-id') this.#replid = value
    else if (name === 'repl-offset') this.#offset = value
  }

  /** A library of functions, one byte a character. */
  function(code: string): void {
    this.#head(['FUNCTION', 'LOAD'], 1)
    this.#bulk(code)
  }

  selectDb(index: number): void {
    this.#put('SELECT', index)
  }

  resizeDb(): void {}

  string(key: string, value: Arg, expiresAt: number | null): void {
    for (const _ of this.valueInSteps(key, value, expiresAt));
  }

  value(key: string, value: Writable, expiresAt: number | null): void {
    for (const _ of this.valueInSteps(key, value, expiresAt));
  }

  /** Any key: a value that is no image must not change before the last step, nor anything else be written. */
  *valueInSteps(key: string, value: Writable, expiresAt: number | null): Steps {
    if (isString(value)) yield* this.#string(key, value)
    else if (value.type === 'vectorset') yield* this.#vectorSet(key, 'now' in value ? value : { now: value })
    else if (value.type === 'zset')
      yield* this.#inCommands(['ZADD', key], value, ([member, score]) => [formatDouble(score), member])
    else if (value.type === 'hash') yield* this.#hash(key, value)
    else if (value.type === 'stream') yield* this.#stream(key, value)
    else yield* this.#inCommands([value.type === 'list' ? 'RPUSH' : 'SADD', key], value, (element) => [element])
    if (expiresAt !== null) this.#put('PEXPIREAT', key, expiresAt)
  }

  /** A place in a history that all of this belongs to, for whoever reads comments; and the last chunk. */
  end(): void {
    if (this.#replid !== '') this.#output.latin1Bytes(`#HS:${this.#replid}:${this.#offset}\r\n`)
    this.#output.finish()
  }

  #put(...argv: (Arg | number)[]): void {
    this.#output.latin1Bytes(encodeCommand(argv))
  }

  /** The first arguments of a command, of which `more` are to follow. */
  #head(argv: readonly Arg[], more: number): void {
    const text = encodeCommand(argv)
    this.#output.latin1Bytes(`*${argv.length + more}${text.slice(text.indexOf('\r'))}`)
  }

  #bulk(latin1: string): void {
    this.#output.latin1Bytes(`$${latin1.length}\r\n`)
    this.#output.latin1Bytes(latin1)
    this.#output.latin1Bytes('\r\n')
  }

  *#string(key: string, value: Arg): Steps {
    const { length } = typeof value === 'string' ? value : value.latin1
    if (length <= LONG_STRING) {
      this.#put('SET', key, value)
      return
    }
    const latin1 = latin1OfArg(value)
    this.#head(['SET', key], 1)
    this.#output.latin1Bytes(`$${latin1.length}\r\n`)
    for (let done = 0; done < latin1.length; done += PIECE_BYTES) {
      this.#output.latin1Bytes(latin1.slice(done, done + PIECE_BYTES))
      yield
    }
    this.#output.latin1Bytes('\r\n')
  }

  *#inCommands<T>(head: readonly string[], elements: Iterable<T>, argsOf: (element: T) => readonly string[]): Steps {
    const argv = [...head]
    let count = 0
    let length = 0
    for (const element of elements) {
      for (const arg of argsOf(element)) {
        argv.push(arg)
        length += arg.length
      }
      if (++count < ELEMENTS_A_COMMAND && length < COMMAND_BYTES) continue
      this.#put(...argv)
      yield
      argv.length = head.length
      count = length = 0
    }
    if (count > 0) this.#put(...argv)
  }

  /** Fields get their times before the next ones come: the walk meets each once. */
  *#hash(key: string, hash: Omit<HashImage, 'close'>): Steps {
    const times = new Map<number, string[]>()
    const argsOf = ([field, value]: [string, string]): string[] => {
      const expiresAt = hash.timedSize === 0 ? null : hash.expiresAt(field)
      if (expiresAt !== null) times.set(expiresAt, [...(times.get(expiresAt) ?? []), field])
      return [field, value]
    }
    const putTimes = (): void => {
      for (const [at, fields] of times) this.#put('HPEXPIREAT', key, at, 'FIELDS', fields.length, ...fields)
      times.clear()
    }
    for (const _ of this.#inCommands(['HMSET', key], hash, argsOf)) {
      putTimes()
      yield
    }
    putTimes()
  }

  /** VADD would quantise it anew. */
  *#vectorSet(key: string, image: Pick<VectorSetImage, 'now'>): Steps {
    // The graph first: the rest is done at once.
    while (image.now.linkNext()) yield
    this.#put('RESTORE', key, 0, argOfLatin1(dumpValue(image.now)), 'REPLACE')
  }

  *#stream(key: string, stream: Omit<StreamImage, 'close'>): Steps {
    const messages = new Messages(stream)
    const gaps: StreamId[] = []
    let written = 0
    for (const { id, fields } of withGaps(stream)) {
      if (fields === null) gaps.push(id)
      else messages.met(id)
      this.#put('XADD', key, formatId(id), ...(fields ?? ['x', 'y']))
      if (++written % STEP_ELEMENTS === 0) yield
    }
    // As in Redis: a stream without an entry.
    if (written === 0) this.#put('XADD', key, 'MAXLEN', 0, '0-1', 'x', 'y')
    for (const group of stream.groups.values()) yield* this.#group(key, group)
    yield* this.#takeAway(key, stream, gaps)
    const { lastId, entriesAdded, maxDeletedId } = stream
    const counters = ['ENTRIESADDED', String(entriesAdded), 'MAXDELETEDID', formatId(maxDeletedId)]
    this.#put('XSETID', key, formatId(lastId), ...counters)
    for (const argv of messages.commands(key)) {
      this.#put(...argv)
      if (++written % STEP_ELEMENTS === 0) yield
    }
  }

  *#group(key: string, group: GroupImage): Steps {
    const { name, lastId, entriesRead, consumers } = group
    const read = entriesRead === null ? '-1' : String(entriesRead)
    this.#put('XGROUP', 'CREATE', key, name, formatId(lastId), 'ENTRIESREAD', read)
    let written = 0
    for (const consumer of consumers.values()) {
      for (const { id, deliveredAt, deliveries } of consumer.pending) {
        const times = ['TIME', String(deliveredAt), 'RETRYCOUNT', String(deliveries)]
        this.#put('XCLAIM', key, name, consumer.name, 0, formatId(id), ...times, 'JUSTID', 'FORCE')
        if (++written % STEP_ELEMENTS === 0) yield
      }
      if (consumer.pending.size === 0) this.#put('XGROUP', 'CREATECONSUMER', key, name, consumer.name)
    }
    for (const argv of givingBack(key, group)) {
      this.#put(...argv)
      yield
    }
  }

  /** Takes away what was only there to be handed out. What was trimmed must not count as deleted by XDEL. */
  *#takeAway(key: string, { size, firstId }: Omit<StreamImage, 'close'>, gaps: StreamId[]): Steps {
    if (gaps.length === 0) return
    if (size === 0) {
      this.#put('XTRIM', key, 'MAXLEN', 0)
      return
    }
    if (compareIds(gaps[0], firstId) < 0) this.#put('XTRIM', key, 'MINID', formatId(firstId))
    const inside = gaps.filter((id) => compareIds(id, firstId) > 0)
    yield* this.#inCommands(['XDEL', key], inside, (id) => [formatId(id)])
  }
}

/** What producers sent (Redis 8.6): a loader takes it only for entries that are there. */
class Messages {
  readonly #idempotence: StreamImage['idempotence']
  readonly #there = new Map<string, boolean>()

  constructor({ idempotence }: Omit<StreamImage, 'close'>) {
    this.#idempotence = idempotence
    for (const messages of idempotence?.producers.values() ?? []) {
      for (const id of messages.values()) this.#there.set(formatId(id), false)
    }
  }

  met(id: StreamId): void {
    if (this.#there.size > 0 && this.#there.has(formatId(id))) this.#there.set(formatId(id), true)
  }

  *commands(key: string): Generator<(Arg | number)[], void> {
    if (this.#idempotence === null) return
    const { durationSeconds, maxSize, producers } = this.#idempotence
    yield ['XCFGSET', key, 'IDMP-DURATION', durationSeconds, 'IDMP-MAXSIZE', maxSize]
    for (const [producer, messages] of producers) {
      for (const [message, id] of messages) {
        if (this.#there.get(formatId(id)) === true) yield ['XIDMPRECORD', key, producer, message, formatId(id)]
      }
    }
  }
}

/** Entries by id, and, with no fields, what is pending somewhere and not among them. */
function* withGaps(stream: Omit<StreamImage, 'close'>): Generator<{ id: StreamId; fields: readonly string[] | null }> {
  const lists = [...stream.groups.values()].map(({ pending }) => pending[Symbol.iterator]())
  const heads = lists.map((list) => list.next())
  /** The lowest that is pending and was not met yet, if it is below that. */
  const lowest = (upTo: StreamId | null): StreamId | null => {
    let low = upTo
    for (const head of heads) {
      if (head.done !== true && (low === null || compareIds(head.value.id, low) < 0)) low = head.value.id
    }
    return low
  }
  const pass = (id: StreamId): void => {
    for (const [i, head] of heads.entries()) {
      if (head.done !== true && compareIds(head.value.id, id) === 0) heads[i] = lists[i].next()
    }
  }
  for (const { id, fields } of entriesOf(stream.nodes)) {
    for (let low = lowest(id); low !== null && low !== id; low = lowest(id)) {
      yield { id: low, fields: null }
      pass(low)
    }
    yield { id, fields }
    pass(id)
  }
  for (let low = lowest(null); low !== null; low = lowest(null)) {
    yield { id: low, fields: null }
    pass(low)
  }
}

function* entriesOf(nodes: Iterable<StreamNode>): Generator<{ id: StreamId; fields: readonly string[] }> {
  for (const node of nodes) {
    for (let row = 0; row < node.rows; row++) if (!node.isDeletedAt(row)) yield node.entryAt(row)
  }
}
