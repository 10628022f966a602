// SORT, each edge case on a real server too.

import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('sort')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('by the items themselves', { skip }, () =>
  cases.same(String.raw`
    RPUSH l 3 1 10 2 -5 1.5 1e1 0x10 " 7" +4 ""; SORT l; SORT l DESC; SORT l ASC DESC; SORT l ALPHA; SORT l ALPHA DESC
    SORT_RO l; SORT_RO l ALPHA; sort l desc alpha asc; SORT none; SORT_RO none ALPHA; SET s v; SORT s; SORT_RO s; SORT
    RPUSH w b a "a\xff" "\xc3\xa4" ab A "" "\xf0\x9f\x98\x80" "\xef\xbf\xbf" aa; SORT w ALPHA; SORT w ALPHA DESC; SORT w
    RPUSH i inf -inf 1 Infinity; SORT i; RPUSH n nan 1; SORT n; RPUSH t "1 " 2; SORT t
    RPUSH x 1 1.0 01 1e0; SORT x; SORT x DESC
  `),
)

test('zero bytes end what is compared as words, unless the result is stored', { skip }, () =>
  cases.same(String.raw`
    RPUSH c "\x00" m "" "\xff" "a\x00b" "a\x00a" a; SORT c ALPHA; SORT c ALPHA DESC; SORT c ALPHA LIMIT 1 2
    SORT c ALPHA STORE d; LRANGE d 0 -1; SORT d ALPHA DESC; SORT c ALPHA DESC STORE d; LRANGE d 0 -1; SORT d ALPHA
    RPUSH n 2 "1\x00" "1" "" "\x00"; SORT n; SORT n DESC; SORT n STORE d; LRANGE d 0 -1
    MSET w1 "x\x00b" w2 "x\x00a" w3 x; RPUSH l 1 2 3; SORT l BY w* ALPHA; SORT l BY w* ALPHA DESC
    SORT l BY w* ALPHA STORE d; LRANGE d 0 -1
  `),
)

test('LIMIT', { skip }, () =>
  cases.same(`
    RPUSH l 5 3 1 4 2; SORT l LIMIT 0 2; SORT l LIMIT 1 2; SORT l LIMIT 3 100; SORT l LIMIT 5 1; SORT l LIMIT 100 1
    SORT l LIMIT -1 2; SORT l LIMIT 0 -1; SORT l LIMIT 2 -1; SORT l LIMIT 0 0; SORT l LIMIT 0; SORT l LIMIT x 1
    SORT l LIMIT 0 x; SORT l LIMIT 0 9223372036854775807; SORT l LIMIT 1 9223372036854775807
    SORT l LIMIT 9223372036854775807 9223372036854775807; SORT l LIMIT 0 1 LIMIT 1 2; SORT l BY nosort LIMIT 1 2
    SORT l BY nosort LIMIT 1 2 DESC; SORT l BY nosort DESC; SORT l BY nosort; SORT l BY nosort LIMIT 10 2
  `),
)

test('BY and GET', { skip }, () =>
  cases.same(String.raw`
    RPUSH l 1 2 3 4; MSET w1 30 w2 20 w3 10 o1 one o2 two o3 three; SORT l BY w*; SORT l BY w* DESC; SORT l BY w* GET o*
    SORT l BY w* GET # GET o* GET w*; SORT l BY o* ALPHA; SORT l BY o*; SORT l BY o* ALPHA DESC; SORT l BY none*
    SORT l BY none* ALPHA; SORT l GET nostar; SORT l GET # GET #; SORT l GET *; SORT l GET "*x*"; SORT l GET "o*->"
    SORT l BY w* LIMIT 1 2 GET o*; SORT l BY; SORT l GET; SORT l BY w* BY o*; SORT l BY nosort GET o*; SORT l BY "#"
    SORT_RO l BY w* GET o*; RPUSH list1 x; SORT l GET list* BY list* ALPHA; SORT l BY w*x; SET 1w 1; SORT l BY *w GET *w
    SET a1b 5; SORT l GET a*b; SORT l GET a*b*; SORT l BY "w*" get "#"; SET o4 "\xff\xfe"; SORT l GET o*
    SORT l BY o* ALPHA
  `),
)

test('fields of hashes', { skip }, () =>
  cases.same(`
    RPUSH l 1 2 3 4; HSET h1 n a w 3; HSET h2 n b w 2; HSET h3 n c w 1; SORT l BY h*->w; SORT l BY h*->w GET h*->n
    SORT l BY h*->n ALPHA DESC GET # GET h*->w; SORT l BY h*->none; SORT l GET h*->none; SORT l GET h*->; SORT l GET h*
    SET h4 x; SORT l BY h*->w GET h*->w; SORT l GET nostar->w; HSET k->w n v; HSET k1x w v; SORT l GET k*x->w
    SORT l GET k->*; SORT l BY h*->w LIMIT 0 1; HSET h1 "->" z; SORT l GET h*->->; SORT l GET h*->w->n
  `),
)

test('sets and sorted sets', { skip }, () =>
  cases.same(`
    SADD s 5 3 1 4 2; SORT s; SORT s DESC LIMIT 1 2; SADD w b a c; SORT w; SORT w ALPHA; SORT w BY nosort STORE d
    LRANGE d 0 -1; SORT w BY nosort STORE d DESC LIMIT 0 2; LRANGE d 0 -1; ZADD z 1 e 2 d 3 c 4 b 5 a; SORT z ALPHA
    SORT z ALPHA DESC; SORT z BY nosort; SORT z BY nosort DESC; SORT z BY nosort LIMIT 1 2; SORT z BY nosort DESC LIMIT 1 2
    SORT z BY nosort LIMIT 4 10; SORT z BY nosort STORE d; LRANGE d 0 -1; SORT z BY nosort ASC GET #; SORT z
    SORT z BY nosort DESC LIMIT 4 10
  `),
)

test('STORE', { skip }, () =>
  cases.same(`
    RPUSH l 3 1 2; SORT l STORE d; LRANGE d 0 -1; SORT l DESC STORE l; LRANGE l 0 -1; SORT none STORE d; EXISTS d
    SORT none STORE d; SET d v EX 100; SORT l STORE d; TTL d; TYPE d; MSET o1 one o3 three; SORT l GET o* GET # STORE d
    LRANGE d 0 -1; SORT l STORE; SORT l STORE a STORE b; KEYS a; LRANGE b 0 -1; SORT_RO l STORE d; SORT l LIMIT 5 5 STORE b
    EXISTS b; RPUSH w a b; SORT w STORE d; LRANGE d 0 -1; SET s v; SORT s STORE d; SORT l STORE s; TYPE s
  `),
)

test('where the keys are', { skip }, () =>
  cases.same(`
    COMMAND GETKEYS SORT a; COMMAND GETKEYS SORT a STORE b; COMMAND GETKEYS SORT a STORE b STORE c
    COMMAND GETKEYS SORT a BY STORE STORE c; COMMAND GETKEYS SORT a GET STORE; COMMAND GETKEYS SORT a LIMIT 0 STORE
    COMMAND GETKEYS SORT a LIMIT 0 1 STORE b; COMMAND GETKEYS SORT a STORE; COMMAND GETKEYS SORT_RO a
    COMMAND GETKEYSANDFLAGS SORT a BY w* STORE b
  `),
)

test.run()
