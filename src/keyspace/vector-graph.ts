// The graph of a vector set's elements, in which a server finds near ones without looking at all: each is linked to some
// near ones, and a few stand on higher levels too, where the steps are wider (HNSW, Malkov and Yashunin 2016). We ourselves
// look at all; the graph is kept, and extended, for the servers that are given it. It upholds what Redis demands of
// one: links go both ways, on a level that both have, none twice, and no more of them than there is room.

import { hash, hashed } from './murmur.js'
import { distanceOf, type Vector } from './vector.js'

export const MAX_LEVEL = 16

/** How many near elements are looked for, out of which the linked ones are chosen. */
const EFFORT = 100

/** An element. */
export class VectorNode {
  readonly id: number
  readonly name: string
  readonly vector: Vector
  /** The empty string: none. */
  attribute: string
  /** By level; of no level while it is not in the graph. */
  links: VectorNode[][] = []
  /** Where it stands in the set's array. */
  place = 0
  /** The last search that met it. */
  seen = 0

  constructor(id: number, name: string, vector: Vector, attribute: string) {
    this.id = id
    this.name = name
    this.vector = vector
    this.attribute = attribute
  }

  /** The same without links. */
  copy(): VectorNode {
    return new VectorNode(this.id, this.name, this.vector, this.attribute)
  }
}

export interface Found {
  node: VectorNode
  distance: number
}

export class VectorGraph {
  readonly #dim: number
  readonly #m: number
  #entry: VectorNode | undefined
  #searches = 0

  constructor(dim: number, m: number) {
    this.#dim = dim
    this.#m = m
  }

  /** How many links a node may have on a level. */
  room(level: number): number {
    return level === 0 ? 2 * this.#m : this.#m
  }

  /** A node that has its links already, as have or will have those that it is linked to. */
  adopt(node: VectorNode): void {
    if (this.#entry === undefined || node.links.length > this.#entry.links.length) this.#entry = node
  }

  add(node: VectorNode): void {
    node.links = Array.from({ length: levelOf(node.id) + 1 }, () => [])
    const entry = this.#entry
    this.adopt(node)
    if (entry === undefined) return
    const top = entry.links.length - 1
    let near = entry
    for (let level = top; level >= node.links.length; level--) near = this.#search(node, near, 1, level)[0].node
    for (let level = Math.min(top, node.links.length - 1); level >= 0; level--) {
      const found = this.#search(node, near, EFFORT, level)
      near = found[0].node
      this.#link(node, found, level)
    }
  }

  /** `others`: all that may take its place as the first one. */
  remove(node: VectorNode, others: Iterable<VectorNode>): void {
    const { links } = node
    node.links = []
    for (const [level, neighbors] of links.entries()) {
      for (const neighbor of neighbors) drop(neighbor, node, level)
      this.#close(neighbors, level)
    }
    if (this.#entry !== node) return
    this.#entry = undefined
    for (const other of others) if (other.links.length > 0) this.adopt(other)
  }

  /** Links those who have few neighbours left with each other: each with its nearest, and with the next, lest they fall apart. */
  #close(neighbors: readonly VectorNode[], level: number): void {
    for (const [i, node] of neighbors.entries()) {
      if (node.links[level].length >= this.#m / 2) continue
      const others = neighbors.filter((other) => other !== node && !node.links[level].includes(other))
      const nearest = this.#byDistance(node, others)[0]
      if (nearest !== undefined) this.#connect(node, nearest.node, nearest.distance, level)
      const next = neighbors[i + 1]
      if (next !== undefined && !node.links[level].includes(next))
        this.#connect(node, next, this.#distance(node, next), level)
    }
  }

  #distance(a: VectorNode, b: VectorNode): number {
    return distanceOf(a.vector, b.vector, this.#dim)
  }

  #byDistance(from: VectorNode, nodes: readonly VectorNode[]): Found[] {
    const found = nodes.map((node) => ({ node, distance: this.#distance(from, node) }))
    return found.sort((one, other) => one.distance - other.distance)
  }

  /** The nearest ones on a level, at most `effort`, that can be reached from a node there. Never empty. */
  #search(query: VectorNode, from: VectorNode, effort: number, level: number): Found[] {
    const search = ++this.#searches
    const start = { node: from, distance: this.#distance(query, from) }
    from.seen = search
    const found = [start]
    // The nearest one last.
    const open = [start]
    for (;;) {
      const next = open.pop()
      if (next === undefined || (found.length >= effort && next.distance > found[found.length - 1].distance))
        return found
      for (const node of next.node.links[level]) {
        if (node.seen === search) continue
        node.seen = search
        const distance = this.#distance(query, node)
        if (found.length >= effort && distance >= found[found.length - 1].distance) continue
        const one = { node, distance }
        found.splice(countNearer(found, distance), 0, one)
        if (found.length > effort) found.pop()
        open.splice(open.length - countNearerLast(open, distance), 0, one)
      }
    }
  }

  /** Links a new node: first with those that do not stand behind another one, then with whoever is near. */
  #link(node: VectorNode, found: readonly Found[], level: number): void {
    const mine = node.links[level]
    const behind: Found[] = []
    for (const one of found) {
      if (mine.length === this.#m) return
      if (mine.some((other) => this.#distance(other, one.node) < one.distance)) behind.push(one)
      else this.#connect(node, one.node, one.distance, level)
    }
    for (const one of behind) {
      if (mine.length >= this.#m / 2) return
      this.#connect(node, one.node, one.distance, level)
    }
    // Everyone is full of nearer ones: the nearest has to give up its farthest.
    if (mine.length === 0) this.#connect(node, found[0].node, Number.NEGATIVE_INFINITY, level)
  }

  /** Unless one of the two is full, and gains nothing by it, or would leave another one alone. */
  #connect(a: VectorNode, b: VectorNode, distance: number, level: number): void {
    if (!this.#makeRoom(a, distance, level) || !this.#makeRoom(b, distance, level)) return
    a.links[level].push(b)
    b.links[level].push(a)
  }

  #makeRoom(node: VectorNode, distance: number, level: number): boolean {
    const links = node.links[level]
    if (links.length < this.room(level)) return true
    const farthest = this.#byDistance(node, links).findLast(({ node: other }) => other.links[level].length > 1)
    if (farthest === undefined || farthest.distance <= distance) return false
    drop(node, farthest.node, level)
    drop(farthest.node, node, level)
    return true
  }
}

function drop(node: VectorNode, neighbor: VectorNode, level: number): void {
  const links = node.links[level]
  links.splice(links.indexOf(neighbor), 1)
}

/** How many at the start of a list, the nearest first, are not farther. */
function countNearer(found: readonly Found[], distance: number): number {
  let low = 0
  let high = found.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (found[middle].distance <= distance) low = middle + 1
    else high = middle
  }
  return low
}

/** How many at the end of a list, the nearest last, are not farther. */
function countNearerLast(open: readonly Found[], distance: number): number {
  let low = 0
  let high = open.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (open[middle].distance > distance) low = middle + 1
    else high = middle
  }
  return open.length - low
}

/** One in four stands on the next level too. The same on every node, and no matter of chance. */
export function levelOf(id: number): number {
  hash(String(id), 0)
  let level = 0
  for (let bits = hashed.low; (bits & 3) === 0 && level < MAX_LEVEL; bits >>>= 2) level++
  return level
}
