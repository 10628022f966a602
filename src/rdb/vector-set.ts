// A vector set as Redis 8 keeps it in a file: the value of a module, item by item, each with its kind before it. It holds
// the vectors as they are stored and the graph between them. What is read is checked as Redis does.

import { type Uint64, uint64 } from '../keyspace/stream-id.js'
import { bytesOf, type Projection, type Quantization, storedBytes, vectorOf } from '../keyspace/vector.js'
import { MAX_LEVEL, VectorNode } from '../keyspace/vector-graph.js'
import { VectorSet, type VectorSetImage } from '../keyspace/vector-set.js'
import type { RdbInput } from './input.js'
import type { RdbOutput } from './output.js'
import { Damage } from './packed.js'

/** The name `vectorset`, six bits a character, and version 0. */
const MODULE_ID = 0xbde7_2da2_bb1e_b400n

const END = 0
const UNSIGNED = 2
const STRING = 5

/** By their numbers in a file. */
const quantizations: readonly Quantization[] = ['f32', 'int8', 'bin']
const HAS_PROJECTION = 1
const HAS_ATTRIBUTES = 2
const DEFAULT_M = 16
const MAX_M = 4096
/** Of vectors as clients give them, and as they are stored. */
const MAX_DIM = 65_536
/** Redis takes nodes with some more links than it makes itself. */
const MAX_LINKS = 4 * MAX_M

const MODULE_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const MODULE_NAME_LENGTH = 9

type Steps<T> = Generator<void, T, void>

/** The value of a module; throws Damage unless it is a vector set. Null: one without elements. */
export function* readVectorSet(input: RdbInput): Steps<VectorSet | null> {
  let id: Uint64
  while ((id = input.wideLength()) < 0) yield
  if (BigInt(id) !== MODULE_ID) throw new Damage(`it belongs to the module '${moduleName(id)}', which is not known`)
  const dim = yield* readCount(input, MAX_DIM, 'a dimension')
  const count = yield* readCount(input, Number.MAX_SAFE_INTEGER, 'a number of elements')
  const config = yield* readCount(input, 0xffff_ffff, 'a configuration')
  const flags = yield* readCount(input, 0xffff_ffff, 'flags')
  const quantization = quantizations[config & 0xff]
  const m = (config >>> 8) & 0xffff || DEFAULT_M
  if (dim === 0 || quantization === undefined || m > MAX_M) throw new Damage('a form that does not exist')
  const projection = (flags & HAS_PROJECTION) === 0 ? null : yield* readProjection(input, dim)
  const set = new VectorSet({ dim, quantization, m, projection })
  const linked = new Linking()
  for (let i = 0; i < count; i++) yield* readElement(input, set, (flags & HAS_ATTRIBUTES) !== 0, linked)
  if ((yield* readKind(input)) !== END) throw new Damage('an item behind the last one')
  linked.finish()
  for (const node of linked.nodes) set.adopt(node)
  return set.size === 0 ? null : set
}

function* readProjection(input: RdbInput, dim: number): Steps<Projection> {
  const inputDim = yield* readCount(input, MAX_DIM, 'a dimension')
  yield* readBytes(input)
  const bytes = input.view()
  if (bytes.length !== inputDim * dim * Float32Array.BYTES_PER_ELEMENT) throw new Damage('a projection of another size')
  return { inputDim, matrix: new Float32Array(Uint8Array.from(bytes).buffer) }
}

function* readElement(input: RdbInput, { form }: VectorSet, hasAttribute: boolean, linked: Linking): Steps<void> {
  const { quantization, dim } = form
  yield* readBytes(input)
  const name = input.text()
  if (hasAttribute) yield* readBytes(input)
  const attribute = hasAttribute ? input.text() : ''
  yield* readBytes(input)
  const stored = Uint8Array.from(input.view())
  if (stored.length !== storedBytes(quantization, dim)) throw new Damage('a vector of another size')

  const count = yield* readCount(input, Number.MAX_SAFE_INTEGER, 'a number of numbers')
  let left = count
  const next = function* (): Steps<Uint64> {
    if (left-- === 0) throw new Damage('an element that ends too early')
    return yield* readUnsigned(input)
  }
  const id = Number(yield* next())
  const levelAndVersion = Number(yield* next())
  const level = levelAndVersion & 0xff
  const version = Math.floor(levelAndVersion / 2 ** 24) & 0xff
  if (!Number.isSafeInteger(id) || level > MAX_LEVEL || version > 1) throw new Damage('an element that is not known')
  const links: number[][] = []
  for (let i = 0; i <= level; i++) {
    const linkCount = Number(yield* next())
    const room = Number(yield* next())
    if (linkCount > room || room > MAX_LINKS) throw new Damage('an element with too many links')
    const ids: number[] = []
    for (let j = 0; j < linkCount; j++) ids.push(Number(yield* next()))
    links.push(ids)
    if (version > 0) yield* next() // the farthest of them, and how far: follows from the rest
  }
  const floats = BigInt(yield* next())
  while (left > 0) yield* next()
  const norm = floatOf(Number(floats & 0xffff_ffffn))
  const range = floatOf(Number(floats >> 32n))
  linked.add(new VectorNode(id, name, vectorOf(quantization, stored, norm, range), attribute), links)
}

/** Elements whose links are known by their ids. */
class Linking {
  readonly nodes: VectorNode[] = []
  readonly #names = new Set<string>()
  readonly #byId = new Map<number, VectorNode>()
  #links: number[][][] = []

  add(node: VectorNode, links: number[][]): void {
    if (this.#names.has(node.name)) throw new Damage('an element twice')
    if (this.#byId.has(node.id)) throw new Damage('two elements with one id')
    this.#names.add(node.name)
    this.#byId.set(node.id, node)
    node.place = this.nodes.push(node) - 1
    this.#links.push(links)
  }

  /** Throws unless all links exist, once, on both sides. */
  finish(): void {
    for (const [i, node] of this.nodes.entries()) {
      node.links = this.#links[i].map((ids, level) => ids.map((id) => this.#linkTo(node, id, level)))
      if (node.links.some((links) => new Set(links).size !== links.length)) throw new Damage('a link twice')
    }
    for (const node of this.nodes) {
      for (const [level, links] of node.links.entries()) {
        if (!links.every((other) => other.links[level].includes(node)))
          throw new Damage('a link that goes one way only')
      }
    }
    this.#links = []
  }

  #linkTo(node: VectorNode, id: number, level: number): VectorNode {
    const other = this.#byId.get(id)
    if (other === undefined || other === node || level >= this.#links[other.place].length)
      throw new Damage('a link that leads nowhere')
    return other
  }
}

function* readKind(input: RdbInput): Steps<number> {
  let kind: number
  while ((kind = input.length()) < 0) yield
  return kind
}

function* readUnsigned(input: RdbInput): Steps<Uint64> {
  if ((yield* readKind(input)) !== UNSIGNED) throw new Damage('an item of another kind')
  let value: Uint64
  while ((value = input.wideLength()) < 0) yield
  return value
}

function* readCount(input: RdbInput, max: number, what: string): Steps<number> {
  const value = yield* readUnsigned(input)
  if (value > max) throw new Damage(`${what} of ${value}`)
  return Number(value)
}

/** Afterwards the input has the string. */
function* readBytes(input: RdbInput): Steps<void> {
  if ((yield* readKind(input)) !== STRING) throw new Damage('an item of another kind')
  while (!input.string()) yield
}

/** A step for each element. */
export function* writeVectorSet(output: RdbOutput, image: Pick<VectorSetImage, 'now'>): Steps<void> {
  const { dim, quantization, m, projection } = image.now.form
  while (image.now.linkNext()) yield
  const { size } = image.now
  const hasAttributes = image.now.attributes > 0
  output.wideLength(MODULE_ID)
  writeUnsigned(output, dim)
  writeUnsigned(output, size)
  writeUnsigned(output, quantizations.indexOf(quantization) | (m << 8))
  writeUnsigned(output, (projection === null ? 0 : HAS_PROJECTION) | (hasAttributes ? HAS_ATTRIBUTES : 0))
  if (projection !== null) {
    writeUnsigned(output, projection.inputDim)
    output.length(STRING)
    output.bytes(Buffer.from(projection.matrix.buffer))
  }
  for (let place = 0; place < size; place++) {
    const node = image.now.nodes[place]
    output.length(STRING)
    output.text(node.name)
    if (hasAttributes) {
      output.length(STRING)
      output.text(node.attribute)
    }
    output.length(STRING)
    output.bytes(bytesOf(node.vector))
    writeNumbers(output, image.now, node)
    yield
  }
  output.length(END)
}

/** In the first version, which every Redis 8 reads: without the farthest link of each level. */
function writeNumbers(output: RdbOutput, set: VectorSet, { id, links, vector }: VectorNode): void {
  writeUnsigned(output, 3 + links.reduce((sum, { length }) => sum + 2 + length, 0))
  writeUnsigned(output, id)
  writeUnsigned(output, links.length - 1)
  for (const [level, others] of links.entries()) {
    writeUnsigned(output, others.length)
    writeUnsigned(output, Math.max(others.length, set.room(level)))
    for (const other of others) writeUnsigned(output, other.id)
  }
  writeUnsigned(output, uint64((BigInt(bitsOf(vector.range)) << 32n) | BigInt(bitsOf(vector.norm))))
}

function writeUnsigned(output: RdbOutput, value: Uint64): void {
  output.length(UNSIGNED)
  output.wideLength(value)
}

const scratch = new DataView(new ArrayBuffer(4))

function floatOf(bits: number): number {
  scratch.setUint32(0, bits)
  return scratch.getFloat32(0)
}

function bitsOf(float: number): number {
  scratch.setFloat32(0, float)
  return scratch.getUint32(0)
}

/** A module's type has a name of nine characters: the upper 54 bits of its id, six a character. */
function moduleName(id: Uint64): string {
  const bits = BigInt(id)
  let name = ''
  for (let i = 0; i < MODULE_NAME_LENGTH; i++) name += MODULE_LETTERS[Number((bits >> BigInt(58 - 6 * i)) & 63n)]
  return name
}
