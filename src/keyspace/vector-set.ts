// A vector set: elements with a vector each, and perhaps an attribute. Queries look at every element, so they are exact. The
// graph that servers search in is brought up to date only when somebody is given it.

import { type Collection, ELEMENT_OVERHEAD_BYTES, type Image, type Weight } from './collection.js'
import {
  distanceOf,
  type Projection,
  projected,
  type Quantization,
  quantized,
  storedBytes,
  type Vector,
} from './vector.js'
import { type Found, levelOf, VectorGraph, VectorNode } from './vector-graph.js'

export interface VectorForm {
  readonly dim: number
  readonly quantization: Quantization
  /** How many links an element has in the graph, about; on its lowest level twice as many at most. */
  readonly m: number
  readonly projection: Projection | null
}

/**
 * What a snapshot reads of a vector set: the set itself, and from `settle` on a copy, that takes a time that grows with the size:
 * about 3 ms for 1000 elements. To be called before the first change.
 */
export interface VectorSetImage extends Image {
  readonly type: 'vectorset'
  /** To be asked for again at each step: it is the same at each moment, or a copy with the same elements at the same places. */
  readonly now: VectorSet
  settle(): void
}

/** Links of an element take about this much, in us and in Redis. */
const LINK_BYTES = 8

export class VectorSet implements Collection {
  readonly type = 'vectorset'
  readonly form: VectorForm
  heldBytes = 0
  /** Elements that have an attribute. */
  attributes = 0
  /** The highest id that an element ever had. */
  lastId = 0
  readonly #nodes: VectorNode[] = []
  readonly #byName = new Map<string, VectorNode>()
  readonly #graph: VectorGraph
  /** Those that are not in the graph yet, in the order in which they came. */
  readonly #unlinked = new Set<VectorNode>()

  constructor(form: VectorForm) {
    this.form = form
    this.#graph = new VectorGraph(form.dim, form.m)
    this.heldBytes = form.projection?.matrix.byteLength ?? 0
  }

  get size(): number {
    return this.#nodes.length
  }

  get(name: string): VectorNode | undefined {
    return this.#byName.get(name)
  }

  /** The vector that the set would hold for these numbers, as many as clients give of each element. */
  vectorFor(values: Float32Array): Vector {
    const { dim, quantization, projection } = this.form
    return quantized(quantization, projection === null ? Float32Array.from(values) : projected(projection, values, dim))
  }

  /** The vector to compare others with: `dim` numbers are taken as they are, or as many as `vectorFor` takes. */
  queryFor(values: Float32Array): Vector {
    const { dim, quantization } = this.form
    return values.length === dim ? quantized(quantization, Float32Array.from(values)) : this.vectorFor(values)
  }

  /** Adds an element or gives one another vector. `attribute`: null leaves it as it was. Whether it is new. */
  set(name: string, vector: Vector, attribute: string | null): boolean {
    const old = this.#byName.get(name)
    if (old !== undefined) this.#remove(old)
    const node = new VectorNode(++this.lastId, name, vector, attribute ?? old?.attribute ?? '')
    this.#unlinked.add(node)
    this.#insert(node)
    return old === undefined
  }

  /** A node with its links, out of a file: `vector` in the set's form, all names different, all links good in the end. */
  adopt(node: VectorNode): void {
    if (node.id > this.lastId) this.lastId = node.id
    this.#graph.adopt(node)
    this.#insert(node)
  }

  setAttribute(node: VectorNode, attribute: string): void {
    this.heldBytes += attribute.length - node.attribute.length
    if (node.attribute !== '') this.attributes--
    if (attribute !== '') this.attributes++
    node.attribute = attribute
  }

  /** Whether it was there. */
  delete(name: string): boolean {
    const node = this.#byName.get(name)
    if (node === undefined) return false
    this.#remove(node)
    return true
  }

  #insert(node: VectorNode): void {
    node.place = this.#nodes.push(node) - 1
    this.#byName.set(node.name, node)
    this.heldBytes += this.#bytesOf(node)
    if (node.attribute !== '') this.attributes++
  }

  #remove(node: VectorNode): void {
    const last = this.#nodes.pop()!
    if (last !== node) {
      this.#nodes[node.place] = last
      last.place = node.place
    }
    this.#byName.delete(node.name)
    this.heldBytes -= this.#bytesOf(node)
    if (node.attribute !== '') this.attributes--
    if (!this.#unlinked.delete(node)) this.#graph.remove(node, this.#nodes)
  }

  #bytesOf({ name, attribute }: VectorNode): number {
    const { dim, quantization, m } = this.form
    return name.length + attribute.length + storedBytes(quantization, dim) + ELEMENT_OVERHEAD_BYTES + 2 * m * LINK_BYTES
  }

  /** The nearest elements, the nearest first; of equally near ones the one with the lower id. */
  nearest(query: Vector, count: number): Found[] {
    const { dim } = this.form
    const found = this.#nodes.map((node) => ({ node, distance: distanceOf(query, node.vector, dim) }))
    found.sort((one, other) => one.distance - other.distance || one.node.id - other.node.id)
    return found.slice(0, count)
  }

  /** The element that `random`, a number in [0, 1), falls on. Not for an empty set. */
  pick(random: number): VectorNode {
    return this.#nodes[Math.floor(random * this.#nodes.length)]
  }

  /** `count` different elements, at most all of them. */
  sample(count: number, random: () => number): VectorNode[] {
    const chosen = this.#nodes.slice()
    const wanted = Math.min(count, chosen.length)
    for (let i = 0; i < wanted; i++) {
      const other = i + Math.floor(random() * (chosen.length - i))
      const node = chosen[other]
      chosen[other] = chosen[i]
      chosen[i] = node
    }
    chosen.length = wanted
    return chosen
  }

  /** The highest level of the graph that an element is on, or will be. */
  get topLevel(): number {
    let top = 0
    for (const node of this.#nodes) {
      const level = this.#unlinked.has(node) ? levelOf(node.id) : node.links.length - 1
      if (level > top) top = level
    }
    return top
  }

  /**
   * Brings the graph up to date, some thousand distances for each element that came since the last time. Takes one of those;
   * false when there is none.
   */
  linkNext(): boolean {
    for (const node of this.#unlinked) {
      this.#unlinked.delete(node)
      this.#graph.add(node)
      return true
    }
    return false
  }

  /** All elements, each at its place. Not to be changed from outside. */
  get nodes(): readonly VectorNode[] {
    return this.#nodes
  }

  /** How many links an element may have on a level of the graph, as the set's form says. */
  room(level: number): number {
    return this.#graph.room(level)
  }

  /** Not to be changed while it is iterated. */
  [Symbol.iterator](): Iterator<VectorNode> {
    return this.#nodes[Symbol.iterator]()
  }

  image(weight: Weight): VectorSetImage {
    let now: VectorSet = this
    return {
      type: 'vectorset',
      size: this.size,
      get now() {
        return now
      },
      settle: () => {
        if (now !== this) return
        now = this.clone()
        weight.bytes += this.heldBytes
      },
      close: () => {},
    }
  }

  clone(): VectorSet {
    const copy = new VectorSet(this.form)
    const copies = this.#nodes.map((node) => node.copy())
    for (const [place, node] of this.#nodes.entries()) {
      const mine = copies[place]
      mine.links = node.links.map((links) => links.map((other) => copies[other.place]))
      if (this.#unlinked.has(node)) copy.#unlinked.add(mine)
      else copy.#graph.adopt(mine)
      copy.#insert(mine)
    }
    copy.lastId = this.lastId
    return copy
  }
}
