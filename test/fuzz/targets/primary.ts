// A primary that lies to us, at every step: replies of the handshake, FULLRESYNC, the frame of the snapshot, the snapshot,
// the stream. The input is all that it says, on one connection after the other, and it never reads what we say.

import { encodeCommand } from '../../../src/protocol/parser.js'
import { RdbWriter } from '../../../src/rdb/writer.js'
import { expectPeersFault, HeldTransport, type Node, nodeOf } from '../node.js'
import { expect, pieces, type Target } from '../target.js'

/** Between what is said on one connection and on the next. */
const HANG_UP = '\n~~\n'
const MAX_CONNECTIONS = 6
/** An input that begins with it meets a node that has a password to show. */
const WITH_PASSWORD = 0x21
/** Past the wait before the next try, whatever came before. */
const NEXT_TRY_MS = 3100
/** What waits for one who does not read: the high-water mark of a link, and what is under way. */
const UNREAD_BYTES = 6 * 1024

const REPLID = 'a'.repeat(40)
const MARK = 'm'.repeat(40)
/** Replies to PING and four times REPLCONF. */
export const GREETING = `+PONG\r\n${'+OK\r\n'.repeat(4)}`

export function smallSnapshot(): string {
  const chunks: Buffer[] = []
  const writer = new RdbWriter((chunk) => void chunks.push(chunk), { compress: false })
  writer.header()
  writer.selectDb(0)
  writer.resizeDb(2, 0)
  writer.string('new', 'value', null)
  writer.string('other', '12', null)
  writer.end()
  return Buffer.concat(chunks).toString('latin1')
}

const snapshot = smallSnapshot()
const FULL = `+FULLRESYNC ${REPLID} 1000\r\n`
const SIZED = `$${snapshot.length}\r\n${snapshot}`
const MARKED = `$EOF:${MARK}\r\n${snapshot}${MARK}`
const STREAM = [
  ['SELECT', '0'],
  ['SET', 'k', 'v'],
  ['PING'],
  ['REPLCONF', 'GETACK', '*'],
  ['MULTI'],
  ['INCR', 'n'],
  ['EXEC'],
]
  .map(encodeCommand)
  .join('')

function expectWhole({ store, errors, syncs }: Node): void {
  const { offset, replid, link } = store.status()
  expect(Number.isSafeInteger(offset) && offset >= 0, `the offset is ${offset}`)
  expect(/^[0-9a-zA-Z]{40}$/.test(replid), `the replid is ${JSON.stringify(replid)}`)
  expect(['connect', 'connecting', 'handshake', 'sync', 'connected', 'stopped'].includes(link), link)
  if (syncs === 0)
    expect(store.get('old') === 'value' && store.size === 1, 'old data are gone before new ones are whole')
  expectPeersFault(errors)
  store.call('INFO', 'replication')
  store.call('ROLE')
}

export const primary: Target = {
  name: 'primary',
  about:
    'replication/replica.ts: old data until new are whole; a link that is dropped, not an error; little said to the deaf',
  words: [
    HANG_UP,
    '+PONG\r\n',
    '+OK\r\n',
    '+OK hotspare\r\n',
    '-ERR no\r\n',
    '-NOAUTH no\r\n',
    '-LOADING\r\n',
    FULL,
    '+CONTINUE\r\n',
    `+CONTINUE ${'b'.repeat(40)}\r\n`,
    SIZED,
    MARKED,
    `$EOF:${MARK}\r\n`,
    MARK,
    '$100\r\n',
    '\r\n',
    '\n',
    GREETING,
    ...STREAM.split(/(?=\*)/),
  ],
  maxInputBytes: 8192,
  limitBytes: () => 64 * 1024 * 1024,
  seeds: () =>
    [
      GREETING + FULL + SIZED + STREAM,
      GREETING + FULL + MARKED,
      `${GREETING + FULL}\n\n${MARKED}${HANG_UP}${GREETING}+CONTINUE\r\n${STREAM}`,
      `${GREETING + FULL + SIZED + STREAM + HANG_UP + GREETING}+CONTINUE ${'b'.repeat(40)}\r\n${STREAM}${HANG_UP}`,
      `${GREETING}-ERR unknown command\r\n${SIZED}${STREAM}`,
      `!-NOAUTH\r\n${'+OK\r\n'.repeat(5)}${FULL}${SIZED}`,
      `+PONG\r\n${'+OK\r\n'.repeat(3)}+OK hotspare\r\n+OK\r\n${FULL}${SIZED}${STREAM}`,
      `-LOADING\r\n${HANG_UP}+PONG\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-NOMASTERLINK\r\n${HANG_UP}${GREETING}${FULL}$0\r\n`,
    ].map((text) => Buffer.from(text, 'latin1')),
  run(input) {
    const withPassword = input[0] === WITH_PASSWORD
    const node = nodeOf(withPassword ? { config: { masterauth: 'secret' } } : {})
    const { store, env } = node
    store.set('old', 'value')
    const transport = new HeldTransport()
    // It is over when the store closes.
    store.replicaOf(transport).catch(() => {})
    const said = input.toString('latin1', withPassword ? 1 : 0).split(HANG_UP, MAX_CONNECTIONS)
    for (const one of said) {
      const link = transport.links.at(-1)!
      if (link.isClosed) break
      link.connected()
      for (const piece of pieces(Buffer.from(one, 'latin1'))) {
        link.say(piece)
        env.turn()
      }
      env.advance(1500)
      expect(link.pendingBytes <= UNREAD_BYTES, `${link.pendingBytes} bytes wait for a primary that does not read`)
      expectWhole(node)
      link.destroy()
      env.advance(NEXT_TRY_MS)
    }
    expectWhole(node)
    void store.close()
  },
}
