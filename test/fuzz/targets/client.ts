// A client that may do anything: whatever it sends, the store stays sound, and a replica that is given the stream holds
// the same.

import { commandWords, someCommands } from '../commands.js'
import { expectPeersFault, expectSound, HeldTransport, nodeOf } from '../node.js'
import { expect, pieces, type Target } from '../target.js'
import { follower } from './stream.js'

/** V8's own limits, told to a client as such. Any other RangeError is a mistake. */
const ALLOWED_OOM = /^-OOM (?:command not allowed|Invalid string length|Map maximum size|Set maximum size)/

export const client: Target = {
  name: 'client',
  about: 'listener.ts, engine/ and all commands: replies to everything, sound data, the same data on a replica',
  words: commandWords(),
  maxInputBytes: 4096,
  limitBytes: () => 128 * 1024 * 1024,
  seeds: () =>
    [
      '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*4\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n$1\r\na\r\n$1\r\nb\r\n',
      '*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$5\r\nfield\r\n$1\r\n1\r\n*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$1\r\n1\r\n$1\r\na\r\n',
      '*5\r\n$4\r\nXADD\r\n$1\r\nx\r\n$1\r\n*\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n',
      'MULTI\r\nSET a 1\r\nINCR a\r\nEXEC\r\nBLPOP l 1\r\nSUBSCRIBE c\r\n',
    ].map((text) => Buffer.from(text, 'latin1')),
  make: (chance) => Buffer.from(someCommands(chance), 'latin1'),
  async run(input) {
    const node = nodeOf()
    const { store, env } = node
    const { stream } = store.engine
    stream.open(64 * 1024 * 1024)
    const start = stream.history.offset
    const transport = new HeldTransport()
    await store.listen(transport)
    const copy = follower(start, env)
    store.call('FLUSHALL')
    const link = transport.arrive()
    for (const piece of pieces(input)) {
      link.say(piece)
      env.turn()
      for (const line of link.read().split('\r\n')) if (line.startsWith('-OOM ')) expect(ALLOWED_OOM.test(line), line)
    }
    env.advance(1500)
    link.destroy()
    env.turn()
    const digest = expectSound(node)
    let at = start
    for (let bytes = stream.backlog?.read(at); bytes !== undefined; bytes = stream.backlog?.read(at)) {
      at += bytes.length
      copy.link.say(Buffer.from(bytes))
    }
    expectPeersFault(copy.errors)
    expect(copy.errors.length === 0, `the replica cannot apply it: ${copy.errors[0]?.message}`)
    expect(expectSound(copy) === digest, 'the replica holds other data')
    void store.close()
    void copy.store.close()
  },
}
