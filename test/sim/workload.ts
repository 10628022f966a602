// Random requests of every type. A pattern is a request with words in braces that chance fills in; beside them come the
// random commands that are compared with a real server, which are wrong as often as right.

import fc from 'fast-check'
import type { RandomStream } from '../../src/transports/random-stream.js'
import { everything } from '../differential/everything.js'

/** Few keys, so that requests meet. */
const KEYS_OF_A_TYPE = 4
/** One request in so many goes to a key of any type. */
const ASTRAY = 15
const TYPES = ['s', 'l', 'h', 'e', 'z', 'x', 'b', 'p', 'g', 'v'] as const

const WRITES = [
  'SET {s} {value}',
  'SET {s} {value} PX {ms}',
  'SET {s} {value} EX {seconds} NX',
  'SET {s} {value} XX KEEPTTL GET',
  'SETNX {s} {value}',
  'GETSET {s} {value}',
  'GETDEL {s}',
  'GETEX {s} PX {ms}',
  'GETEX {s} PERSIST',
  'MSET {s} {value} {s} {value} {s} {value}',
  'MSETNX {s} {value} {s} {value}',
  'APPEND {s} {value}',
  'SETRANGE {s} {small} {value}',
  'INCR n{small}',
  'INCRBY n{small} {integer}',
  'INCRBYFLOAT n{small} {score}',
  'DEL {any} {any}',
  'UNLINK {any}',
  'EXPIRE {any} {seconds}',
  'PEXPIRE {any} {ms} {condition}',
  'PEXPIRE {any} {ms}',
  'EXPIRE {any} -1',
  'PERSIST {any}',
  'RENAME {any} {any}',
  'RENAMENX {any} {any}',
  'COPY {any} {any} REPLACE',
  'COPY {any} {any} DB {db} REPLACE',
  'MOVE {any} {db}',
  'RPUSH {l} {value} {value}',
  'LPUSH {l} {value}',
  'LPUSHX {l} {value}',
  'LPOP {l}',
  'RPOP {l} {small}',
  'LSET {l} {small} {value}',
  'LINSERT {l} BEFORE {value} {value}',
  'LREM {l} 0 {value}',
  'LTRIM {l} 0 40',
  'LMOVE {l} {l} LEFT RIGHT',
  'LMPOP 2 {l} {l} LEFT COUNT 2',
  'HSET {h} {member} {value} {member} {value}',
  'HDEL {h} {member} {member}',
  'HINCRBY {h} count {integer}',
  'HINCRBYFLOAT {h} sum {score}',
  'HSETNX {h} {member} {value}',
  'HPEXPIRE {h} {ms} FIELDS 2 {member} {member}',
  'HPERSIST {h} FIELDS 1 {member}',
  'HGETDEL {h} FIELDS 1 {member}',
  'HSETEX {h} PX {ms} FIELDS 1 {member} {value}',
  'SADD {e} {member} {member} {integer}',
  'SREM {e} {member}',
  'SPOP {e}',
  'SPOP {e} {small}',
  'SMOVE {e} {e} {member}',
  'SINTERSTORE {e} {e} {e}',
  'SUNIONSTORE {e} {e} {e}',
  'SDIFFSTORE {e} {e} {e}',
  'ZADD {z} {score} {member} {score} {member}',
  'ZADD {z} GT CH {score} {member}',
  'ZINCRBY {z} {score} {member}',
  'ZREM {z} {member}',
  'ZPOPMIN {z}',
  'ZPOPMAX {z} {small}',
  'ZREMRANGEBYRANK {z} 10 -1',
  'ZREMRANGEBYSCORE {z} -5 0',
  'ZUNIONSTORE {z} 2 {z} {e} WEIGHTS 2 1',
  'ZRANGESTORE {z} {z} 0 5',
  'ZMPOP 1 {z} MIN COUNT 2',
  'XADD {x} * {member} {value}',
  'XADD {x} MAXLEN ~ 20 * {member} {value}',
  'XADD {x} NOMKSTREAM MINID 5 * {member} {value}',
  'XTRIM {x} MAXLEN 10',
  'XDEL {x} 0-1',
  'XGROUP CREATE {x} g 0 MKSTREAM',
  'XGROUP CREATE {x} h $ MKSTREAM',
  'XGROUP SETID {x} g 0',
  'XGROUP CREATECONSUMER {x} g {consumer}',
  'XGROUP DELCONSUMER {x} g {consumer}',
  'XREADGROUP GROUP g {consumer} COUNT 2 STREAMS {x} >',
  'XREADGROUP GROUP h {consumer} NOACK COUNT 1 STREAMS {x} >',
  'XAUTOCLAIM {x} g {consumer} 0 0 COUNT 2',
  'XCLAIM {x} g {consumer} 0 1-1 FORCE',
  'SETBIT {b} {integer} 1',
  'BITOP XOR {b} {b} {b}',
  'BITFIELD {b} INCRBY u8 {small} {small} SET i16 32 {integer}',
  'PFADD {p} {member} {value}',
  'PFMERGE {p} {p} {p}',
  'GEOADD {g} {small} {small} {member}',
  'GEOSEARCHSTORE {g} {g} FROMLONLAT 1 1 BYRADIUS 900 km',
  'VADD {v} VALUES 3 {score} {score} {score} {member}',
  'VREM {v} {member}',
  'VSETATTR {v} {member} {value}',
  'SORT {l} ALPHA STORE {l}',
  'RESTORE {s} {ms} nonsense',
  'PUBLISH news {value}',
  'SWAPDB {db} {db}',
  'FLUSHDB',
  'FLUSHALL ASYNC',
] as const

/** These come seldom, as they undo the work of the others. */
const RARE = new Set(['SWAPDB {db} {db}', 'FLUSHDB', 'FLUSHALL ASYNC'])
const RARELY = 30

/** On the many keys that `fill` makes. */
const BULK_WRITES = [
  'APPEND bulk:{bulk} {value}',
  'APPEND bulk:{bulk} {value}',
  'SET bulk:{bulk} {value}',
  'DEL bulk:{bulk} bulk:{bulk}',
  'EXPIRE bulk:{bulk} {seconds}',
  'RENAME bulk:{bulk} bulk:{bulk}',
  'COPY bulk:{bulk} {any} REPLACE',
]

const READS = [
  'GET {s}',
  'EXISTS {any}',
  'TTL {any}',
  'TYPE {any}',
  'LRANGE {l} 0 -1',
  'HGETALL {h}',
  'SMEMBERS {e}',
  'ZRANGE {z} 0 -1 WITHSCORES',
  'XRANGE {x} - +',
  'DBSIZE',
  'SCAN 0 COUNT 100',
  'RANDOMKEY',
  'INFO replication',
  'ROLE',
  'PING',
  'CLIENT LIST',
  'DUMP {any}',
]

const BLOCKING = [
  'BLPOP {l} {l} {wait}',
  'BRPOP {l} {wait}',
  'BLMOVE {l} {l} RIGHT LEFT {wait}',
  'BLMPOP {wait} 2 {l} {l} LEFT COUNT 3',
  'BZPOPMIN {z} {wait}',
  'BZMPOP {wait} 1 {z} MAX',
  'XREAD BLOCK {blockms} STREAMS {x} $',
  'XREADGROUP GROUP g {consumer} BLOCK {blockms} STREAMS {x} >',
]

const compared = fc.oneof(...everything)

export class Workload {
  readonly #random: RandomStream
  /** The next of the commands that are compared with a real server. */
  readonly #compared: string[][]
  readonly #databases: number
  readonly #largest: number
  #written = 0

  constructor(random: RandomStream, options: { databases: number; largestBytes: number; compared: number }) {
    this.#random = random
    this.#databases = options.databases
    this.#largest = options.largestBytes
    const seed = Math.floor(random.next() * 2 ** 31)
    this.#compared = fc
      .sample(compared, { seed, numRuns: Math.max(1, options.compared) })
      .map((argv) => argv.map((arg) => Buffer.from(arg as string | Buffer).toString('latin1')))
      .filter((argv) => argv.length > 0 && !FORBIDDEN.has(argv[0].toUpperCase()))
  }

  below(count: number): number {
    return Math.floor(this.#random.next() * count)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  db(): string {
    return String(this.chance(3) ? this.below(this.#databases) : 0)
  }

  write(): string[] {
    if (this.chance(4)) {
      const next = this.#compared.pop()
      if (next !== undefined) return next
    }
    const pattern = this.pick(WRITES)
    return RARE.has(pattern) && !this.chance(RARELY) ? this.write() : this.#filled(pattern)
  }

  bulk(): string[] {
    return this.#filled(this.pick(BULK_WRITES))
  }

  read(): string[] {
    return this.#filled(this.pick(READS))
  }

  blocking(): string[] {
    return this.#filled(this.pick(BLOCKING))
  }

  key(): string {
    return this.#word('any')
  }

  value(): string {
    this.#written++
    if (this.chance(4)) return `v${this.below(20)}`
    if (this.chance(60)) return `${this.#written}`.padEnd(this.below(this.#largest), '.')
    return `${this.#written}${'-'.repeat(this.below(this.chance(5) ? 400 : 20))}`
  }

  #filled(pattern: string): string[] {
    return pattern.split(' ').map((word) => word.replace(/\{(\w+)\}/g, (_, name: string) => this.#word(name)))
  }

  #word(name: string): string {
    switch (name) {
      case 'value':
        return this.value()
      case 'member':
        return `m${this.below(30)}`
      case 'consumer':
        return `c${this.below(3)}`
      case 'score':
        return String((this.below(400) - 200) / 8)
      case 'integer':
        return String(this.below(1000) - (this.chance(3) ? 500 : 0))
      case 'bulk':
        return String(this.below(400))
      case 'small':
        return String(this.below(9))
      case 'seconds':
        return String(1 + this.below(this.chance(3) ? 300 : 12))
      case 'ms':
        return String(1 + this.below(this.chance(3) ? 200_000 : 9000))
      case 'blockms':
        return String(1 + this.below(8000))
      case 'wait':
        return String(this.below(80) / 10)
      case 'condition':
        return this.pick(['NX', 'XX', 'GT', 'LT'])
      case 'db':
        return String(this.below(this.#databases))
      case 'any':
        return `${this.pick(TYPES)}${this.below(KEYS_OF_A_TYPE)}`
      default:
        if (this.chance(ASTRAY)) return this.#word('any')
        return `${name}${this.below(KEYS_OF_A_TYPE)}`
    }
  }
}

/** They wait in the middle of what is no wait here, or look at what differs from node to node. */
const FORBIDDEN = new Set(['DEBUG', 'WAIT', 'WAITAOF', 'SAVE', 'BGSAVE', 'MONITOR', 'SUBSCRIBE', 'SHUTDOWN', 'RESET'])
