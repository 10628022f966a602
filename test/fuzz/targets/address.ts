// Where a primary is, as text.

import { destinationOf } from '../../../src/address.js'
import { textOfLatin1 } from '../../../src/bytes.js'
import { StoreError } from '../../../src/errors.js'
import { expect, type Target } from '../target.js'

export const address: Target = {
  name: 'address',
  about: 'address.ts: a destination or StoreError INVALID, which does not repeat the password',
  words: ['redis://', 'rediss://', 'unix:', '@', ':', '/', '%', '%00', '%ff', '%zz', '[::1]', '?', '#', ' '],
  maxInputBytes: 512,
  seeds: () =>
    [
      'redis://127.0.0.1:6379',
      'rediss://user:secret@example.org',
      'redis://:p%40ss@[::1]:1',
      'unix:/run/redis.sock',
      'redis://h:65536',
    ].map((text) => Buffer.from(text)),
  run(input) {
    const text = textOfLatin1(input.toString('latin1'))
    try {
      const { transport } = destinationOf(text)
      expect(Number.isInteger(transport.port) && transport.port >= 0 && transport.port <= 65_535, 'a port is a port')
      expect(typeof transport.address === 'string', 'an address can be shown')
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'INVALID')) throw error
      const password = /^rediss?:\/\/[^/@]*:([^:@/]{4,})@/.exec(text)?.[1]
      if (password !== undefined) expect(!error.message.includes(password), 'the password is told')
    }
  },
}
