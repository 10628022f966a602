// List commands, each edge case on a real server too. Clients that wait are in blocking.test.ts.

import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('lists')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('LPUSH, RPUSH, LPUSHX, RPUSHX, LLEN', { skip }, () =>
  cases.same(String.raw`
    LPUSH l a; LPUSH l b c d; RPUSH l e; RPUSH l f g; LRANGE l 0 -1; LLEN l; LPUSHX l h i; RPUSHX l j k
    LRANGE l 0 -1; LPUSHX none a; RPUSHX none a b; EXISTS none; LLEN none; SET s v; LPUSH s a; RPUSH s a
    LPUSHX s a; RPUSHX s a; LLEN s; LPUSH; LPUSH l; RPUSHX l; LLEN; LLEN a b; GET l; TYPE l; OBJECT ENCODING l
    RPUSH b "" "\xff\x00" "\xc3\xa4" "1"; LRANGE b 0 -1; RPUSH "\xff" x; LRANGE "\xff" 0 -1; lpush l z; STRLEN l
    EXPIRE l 100; RPUSH l y; TTL l
  `),
)

test('LPOP and RPOP', { skip }, () =>
  cases.same(`
    RPUSH l a b c d e f g; LPOP l; RPOP l; LPOP l 2; RPOP l 2; LPOP l 0; RPOP l 0; LPOP l 10; EXISTS l; LPOP l; RPOP l
    LPOP l 1; RPOP l 1; LPOP l 0; RPOP l 0; LPOP l -1; LPOP l x; LPOP l 1.5; LPOP l 9223372036854775808; LPOP l 1 2
    RPOP l 1 2; LPOP; RPUSH l a; RPOP l -1; LPOP l 9223372036854775807; EXISTS l; SET s v; LPOP s; RPOP s 1; LPOP s 0
    LPOP s -1
  `),
)

test('LINDEX, LSET, LRANGE', { skip }, () =>
  cases.same(`
    RPUSH l a b c d e; LINDEX l 0; LINDEX l 4; LINDEX l 5; LINDEX l -1; LINDEX l -5; LINDEX l -6; LINDEX l x
    LINDEX none 0; LINDEX none x; LINDEX l 9223372036854775807; LINDEX l -9223372036854775808
    LINDEX l 9223372036854775808; LSET l 0 A; LSET l -1 E; LSET l 5 x; LSET l -6 x; LSET l x x; LSET none 0 x
    LSET none x x; LSET l 2 C; LRANGE l 0 -1; LRANGE l 1 2; LRANGE l 2 1; LRANGE l -3 -2; LRANGE l -100 1
    LRANGE l 3 100; LRANGE l 5 6; LRANGE l -1 0; LRANGE l x 1; LRANGE l 0 x; LRANGE none 0 -1; LRANGE none x 1
    LRANGE l -9223372036854775808 9223372036854775807; LRANGE l 0; SET s v; LINDEX s 0; LSET s 0 x; LRANGE s 0 -1
    LINDEX s x; LSET s x x; LRANGE s x 1
  `),
)

test('LTRIM and LREM', { skip }, () =>
  cases.same(`
    RPUSH l a b c d e f g; LTRIM l 0 -1; LRANGE l 0 -1; LTRIM l 1 5; LRANGE l 0 -1; LTRIM l -3 -1; LRANGE l 0 -1
    LTRIM l -100 0; LRANGE l 0 -1; LTRIM l 1 0; EXISTS l; LTRIM none 0 1; LTRIM l x 1; LTRIM l 1 x; RPUSH l a
    LTRIM l 5 10; EXISTS l; SET s v; LTRIM s 0 1; DEL l; RPUSH l a b a c a d a; LREM l 1 a; LRANGE l 0 -1; LREM l -1 a
    LRANGE l 0 -1; LREM l 0 a; LRANGE l 0 -1; LREM l 1 z; LREM l -9223372036854775808 b; LREM l 9223372036854775807 c
    LREM l 5 d; EXISTS l; LREM none 0 a; LREM l x a; LREM s 0 a; RPUSH l x x x x x; LREM l 3 x; LREM l -5 x; EXISTS l
  `),
)

test('LINSERT', { skip }, () =>
  cases.same(`
    RPUSH l a b c b; LINSERT l BEFORE b x; LINSERT l after b y; LRANGE l 0 -1; LINSERT l BEFORE a first
    LINSERT l AFTER c z; LINSERT l BEFORE nothing q; LINSERT none BEFORE a b; LINSERT l NEXT a b; LINSERT none NEXT a b
    LINSERT l AFTER b; LRANGE l 0 -1; SET s v; LINSERT s BEFORE a b; RPUSH one x; LINSERT one AFTER x y; LRANGE one 0 -1
  `),
)

test('LPOS', { skip }, () =>
  cases.same(`
    RPUSH l a b c 1 2 3 c c; LPOS l a; LPOS l c; LPOS l z; LPOS none a; LPOS l c RANK 1; LPOS l c RANK 2; LPOS l c RANK 4
    LPOS l c RANK -1; LPOS l c RANK -2; LPOS l c RANK -4; LPOS l c RANK 0; LPOS l c RANK x; LPOS l c COUNT 0
    LPOS l c COUNT 1; LPOS l c COUNT 2; LPOS l c COUNT 2 RANK 2; LPOS l c COUNT 2 RANK -1; LPOS l c COUNT 0 RANK -2
    LPOS l c COUNT 0 RANK 5; LPOS l z COUNT 0; LPOS none a COUNT 0; LPOS l c COUNT -1; LPOS l c COUNT x
    LPOS l c COUNT 0 MAXLEN 3; LPOS l c COUNT 0 MAXLEN 2; LPOS l c RANK -1 COUNT 0 MAXLEN 2; LPOS l c MAXLEN 0
    LPOS l c MAXLEN 2; LPOS l c MAXLEN 100; LPOS l c MAXLEN -1; LPOS l c MAXLEN x; LPOS l c RANK; LPOS l c FOO 1
    LPOS l c RANK 9223372036854775808; LPOS l c COUNT 1 COUNT 2; LPOS l c rank 2 maxlen 8 count 5; SET s v; LPOS s a
    LPOS s a RANK 0; LPOS l
  `),
)

test('LMOVE and RPOPLPUSH', { skip }, () =>
  cases.same(`
    RPUSH l a b c d; LMOVE l m LEFT RIGHT; LMOVE l m LEFT LEFT; LMOVE l m RIGHT LEFT; LRANGE l 0 -1; LRANGE m 0 -1
    LMOVE l m right right; EXISTS l; LRANGE m 0 -1; LMOVE l m LEFT LEFT; LMOVE none none LEFT RIGHT
    LMOVE m m LEFT RIGHT; LRANGE m 0 -1; LMOVE m m RIGHT LEFT; LMOVE m m LEFT LEFT; LMOVE m m RIGHT RIGHT
    LRANGE m 0 -1; RPOPLPUSH m m; LRANGE m 0 -1; RPOPLPUSH m n; LRANGE n 0 -1; RPOPLPUSH none n; RPUSH one x
    RPOPLPUSH one one; LRANGE one 0 -1; LMOVE one one LEFT LEFT; SET s v; LMOVE m s LEFT LEFT; LMOVE s m LEFT LEFT
    RPOPLPUSH m s; RPOPLPUSH s m; LMOVE none s LEFT LEFT; LMOVE m n UP LEFT; LMOVE m n LEFT UP; LMOVE none n UP DOWN
    LMOVE m n LEFT; RPOPLPUSH m; EXPIRE m 100; LMOVE m n LEFT RIGHT; TTL m; TTL n; LRANGE m 0 -1
  `),
)

test('LMPOP', { skip }, () =>
  cases.same(`
    RPUSH l a b c d e; RPUSH m 1 2 3; LMPOP 1 l LEFT; LMPOP 2 none l RIGHT; LMPOP 3 none l m LEFT COUNT 10
    LMPOP 2 l m RIGHT COUNT 2; LMPOP 2 l m left count 2; LMPOP 1 l LEFT; LMPOP 2 l m LEFT COUNT 1; LMPOP 0 l LEFT
    LMPOP -1 l LEFT; LMPOP x l LEFT; LMPOP 2 l LEFT; LMPOP 1 l UP; LMPOP 1 l LEFT COUNT 0; LMPOP 1 l LEFT COUNT -1
    LMPOP 1 l LEFT COUNT x; LMPOP 1 l LEFT COUNT; LMPOP 1 l LEFT COUNT 1 COUNT 2; LMPOP 1 l LEFT FOO 1; LMPOP 1 l
    LMPOP 9223372036854775807 l LEFT; SET s v; RPUSH l a; LMPOP 2 s l LEFT; LMPOP 2 none s LEFT; LMPOP 2 l s LEFT
  `),
)

test('what blocks does not where there is something to take', { skip }, () =>
  cases.same(`
    RPUSH l a b c d e f; RPUSH m 1 2 3 4; BLPOP l 0; BRPOP l 0; BLPOP none l m 1; BRPOP none m l 1.5; BLMOVE l m LEFT RIGHT 0
    BRPOPLPUSH l m 0; blmove m m left right 0; LRANGE m 0 -1; BLMPOP 0 2 none l LEFT COUNT 10; EXISTS l
    BLMPOP 0 1 m RIGHT; BLMPOP 1.5 2 l m LEFT COUNT 2; LRANGE m 0 -1; SET s v; BLPOP none s m 0; BLPOP m s 0
    BLMOVE s m LEFT LEFT 0; BLMOVE m s LEFT LEFT 0; BRPOPLPUSH m s 0; BLMPOP 0 2 s m LEFT; BLPOP s 0; BLPOP none
    BLMPOP 0 0 m LEFT; BLMPOP 0 x m LEFT; BLMPOP 0 1 m UP; BLMPOP x 1 m LEFT; BLMPOP 0 1 m LEFT COUNT 0; BLMPOP 0 1 m
    BLMPOP 0 2 m LEFT; BLMPOP 0 1 m LEFT COUNT 1 COUNT 1; BLMOVE m m UP LEFT 0; BLMOVE m m LEFT UP 0; BLMOVE m m LEFT LEFT
    BRPOPLPUSH m n x; BRPOPLPUSH m n; LRANGE m 0 -1
  `),
)

test('timeouts that are none', { skip }, () =>
  cases.same(`
    BLPOP l -1; BLPOP l -0.5; BLPOP l x; BLPOP l ""; BLPOP l " 1"; BLPOP l 1e; BLPOP l nan; BLPOP l inf; BLPOP l -inf
    BLPOP l 9223372036854775807; BLPOP l 9.3e15; BLPOP l 1e300; BLPOP l 1e5000
    BLMOVE l m LEFT LEFT -1; BRPOPLPUSH l m -1; BLMPOP -1 1 l LEFT; BLPOP l 0x; BLPOP l -0x1p1; SET s v; BLPOP s -1
    RPUSH l a b c d e f; BLPOP l 0x1p-1; BLPOP l 1e-5; BLPOP l +1; BLPOP l .5; BLPOP l 5.; BLPOP l -0
  `),
)

test('in a transaction nobody waits', { skip }, () =>
  cases.same(`
    MULTI; BLPOP l 0; BRPOP l 0; BLMOVE l m LEFT LEFT 0; BRPOPLPUSH l m 0; BLMPOP 0 1 l LEFT; RPUSH l a; BLPOP l 0
    BLPOP l x; EXEC; LRANGE l 0 -1
  `),
)

test('long lists, of long items too', { skip }, async () => {
  const items = Array.from({ length: 5000 }, (_, i) => `item ${i}`)
  const long = 'x'.repeat(20_000)
  await cases.sameCommands([
    ['RPUSH', 'l', ...items],
    ['LRANGE', 'l', 2400, 2600],
    ['LINDEX', 'l', 2500],
    ['LINSERT', 'l', 'BEFORE', 'item 2500', long],
    ['LINSERT', 'l', 'AFTER', 'item 4000', 'y'],
    ['LREM', 'l', 1, 'item 600'],
    ['LREM', 'l', -1, 'item 4999'],
    ['LPOS', 'l', 'y'],
    ['LTRIM', 'l', 100, -101],
    ['LPOP', 'l', 700],
    ['RPOP', 'l', 700],
    ['LMPOP', 1, 'l', 'LEFT', 'COUNT', 700],
    ['LPUSH', 'l', ...items.slice(0, 1500)],
    ['LRANGE', 'l', 0, -1],
  ])
})

test('keyspace events', { skip }, async () => {
  await using heard = await cases.hear()
  await cases.same(`
    LPUSH l a b; RPUSH l c; LPUSHX l d; RPUSHX none x; LPOP l; LPOP l 2; RPOP l 1; LPOP l; RPUSH l a b c a; LSET l 0 x
    LINSERT l AFTER x y; LINSERT l AFTER none y; LTRIM l 0 2; LTRIM l 0 -1; LREM l 1 x; LREM l 1 none; LTRIM l 5 1
    RPUSH l a b c; LMOVE l m LEFT RIGHT; LMOVE l l LEFT RIGHT; RPOPLPUSH l m; RPOPLPUSH l m; LMPOP 1 m LEFT COUNT 2
    LMPOP 1 m RIGHT; BLPOP x 0.001; RPUSH l 3 1 2; BLPOP l 0; BLMOVE l l LEFT LEFT 0; BLMPOP 0 1 l RIGHT; SORT l STORE m
    SORT none STORE m; SORT none STORE m; SORT l STORE l; LREM l 0 1; LREM l 0 2; LREM l 0 3; EXISTS l
  `)
  await cases.sameEvents(heard)
})

test.run()
