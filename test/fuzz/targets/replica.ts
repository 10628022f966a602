// A replica that lies to us: what it says of itself, where it claims to stand, what it acknowledges; and it may not read.

import { encodeCommand } from '../../../src/protocol/parser.js'
import { HeldTransport, nodeOf } from '../node.js'
import { expect, pieces, type Target } from '../target.js'

/** What may wait for one who does not read: a piece of the snapshot or of the backlog more than the high-water mark. */
const UNREAD_BYTES = 512 * 1024
/** An input that begins with it does not read what it is sent, until the end. */
const DEAF = 0x21

const say = (...argv: string[]): string => encodeCommand(argv)
const HELLO = say('PING') + say('REPLCONF', 'listening-port', '1') + say('REPLCONF', 'capa', 'eof', 'capa', 'psync2')
const ASKS = say('PSYNC', '?', '-1')
const ACK = say('REPLCONF', 'ACK', '100')

export const replica: Target = {
  name: 'replica',
  about:
    'replication/primary.ts, commands/replication.ts: no claim of a replica harms the primary, nor fills its memory',
  words: [
    HELLO,
    ASKS,
    ACK,
    'SYNC\r\n',
    say('PSYNC', 'a'.repeat(40), '1'),
    say('REPLCONF', 'GETACK', '*'),
    say('REPLCONF', 'ip-address', '1.2.3.4'),
    say('REPLCONF', 'rdb-only', '1'),
    say('REPLCONF', 'rdb-filter-only', ''),
    say('REPLCONF', 'version', '9.0.0'),
    say('REPLCONF', 'capa', 'hotspare'),
    say('REPLCONF', 'hotspare-id', 'me'),
    say('REPLCONF', 'hotspare-verify', '{"mark":"x","sums":[1,2]}'),
    say('WAIT', '1', '100'),
    say('SET', 'k', 'v'),
    '\n',
    '!',
  ],
  maxInputBytes: 8192,
  limitBytes: () => 64 * 1024 * 1024,
  seeds: () =>
    [
      `${HELLO + ASKS}\n\n${ACK + ACK}`,
      `!${HELLO + ASKS}\n${ACK}`,
      `${say('REPLCONF', 'listening-port', '7000') + say('PSYNC', '?', '-1') + ACK}`,
      `SYNC\r\n${ACK}`,
      `${HELLO}${say('REPLCONF', 'version', '8.0.0')}${say('REPLCONF', 'capa', 'hotspare')}${ASKS}${ACK}`,
      `${say('REPLCONF', 'rdb-only', '1') + HELLO + ASKS}`,
      `${HELLO}${say('PSYNC', 'a'.repeat(40), '9007199254740993')}${say('REPLCONF', 'ACK', '9223372036854775807')}`,
    ].map((text) => Buffer.from(text, 'latin1')),
  async run(input) {
    const isDeaf = input[0] === DEAF
    const { store, env } = nodeOf()
    for (let i = 0; i < 20; i++) store.set(`key:${i}`, 'v'.repeat(1000))
    const transport = new HeldTransport()
    await store.listen(transport)
    const link = transport.arrive()
    let said = 0
    for (const piece of pieces(input.subarray(isDeaf ? 1 : 0))) {
      link.say(piece)
      env.turn()
      store.set(`key:${said % 20}`, `${said}${'w'.repeat(1000)}`)
      env.advance(said++ % 4 === 0 ? 400 : 0)
      if (!isDeaf) link.read()
      expect(link.pendingBytes <= UNREAD_BYTES, `${link.pendingBytes} bytes wait for a replica that does not read`)
    }
    for (let seconds = 0; seconds < 5; seconds++) {
      env.advance(1000)
      expect(link.pendingBytes <= UNREAD_BYTES, `${link.pendingBytes} bytes wait for a replica that does not read`)
      link.read()
    }
    const { replicas, offset } = store.status()
    expect(replicas.length <= 1 && Number.isSafeInteger(offset), 'one replica at most')
    for (const { offset: acknowledged } of replicas) expect(Number.isFinite(acknowledged), `it is at ${acknowledged}`)
    store.call('INFO', 'replication')
    store.call('ROLE')
    store.call('CLIENT', 'LIST')
    link.destroy()
    env.advance(1000)
    expect(store.status().replicas.length === 0, 'a replica that is gone is gone')
    void store.close()
  },
}
