// Members with scores, in the order of score and then bytes: found by rank, by score and by bytes in O(log n).
//
// A B+-tree. Leaves hold the members; inner nodes hold for each child how many members are below it, and a bound that none of
// them is less than. Nodes are plain arrays, so that a member takes two words here and a search touches few objects. Nodes
// that an image reads too have another owner, and are copied before they are changed: the way down to a leaf, no more.
// Knows nothing of members being unique: its owner sees to that.

import { compareText } from '../bytes.js'
import { ELEMENT_OVERHEAD_BYTES, type Weight } from './collection.js'

/** Entries of a leaf, children of an inner node. */
const NODE_SIZE = 64
/** A node with fewer is joined with its neighbour, if both fit into one. */
const SPARSE_SIZE = 20

/**
 * Who may change a node: the ranking, since its last image was made; null: it never had one. What is copied because images
 * hold it is counted into their weights.
 */
interface Owner {
  readonly weights: Weight[]
}

class Leaf {
  readonly owner: Owner | null
  scores: number[] = []
  members: string[] = []

  constructor(owner: Owner | null) {
    this.owner = owner
  }
}

class Inner {
  readonly owner: Owner | null
  children: Node[] = []
  /** How many members are below each child. */
  counts: number[] = []
  /**
   * No member below a child is less than its bound, and all below the children before it are. The first child's bound is
   * that of the node itself, and not asked for here.
   */
  scores: number[] = []
  members: string[] = []

  constructor(owner: Owner | null) {
    this.owner = owner
  }
}

type Node = Leaf | Inner

/** What a walk is given. */
export type Visit = (member: string, score: number) => void

/** Given as a place's score: only the bytes count. */
export const ANY_SCORE = Number.NaN

export class Ranking {
  #owner: Owner | null = null
  #root: Node = new Leaf(this.#owner)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The pair must not be there yet. */
  insert(score: number, member: string): void {
    this.#ownRoot()
    const right = insertInto(this.#root, score, member, true, true)
    this.#size++
    if (right === null) return
    const root = new Inner(this.#owner)
    addChild(root, 0, this.#root, Number.NEGATIVE_INFINITY, '')
    addChild(root, 1, right, leastScore(right), leastMember(right))
    this.#root = root
  }

  /** The pair must be there. */
  remove(score: number, member: string): void {
    this.#ownRoot()
    removeFrom(this.#root, score, member)
    this.#shrink()
  }

  /** Takes out the member at a rank that is there, and says which it was. */
  removeAt(rank: number): string {
    this.#ownRoot()
    const member = removeRankFrom(this.#root, rank)
    this.#shrink()
    return member
  }

  /**
   * How many stand before a place. `member` null: before (side 1) or behind (side -1) all with that score. Else before
   * or behind that member; with ANY_SCORE by bytes alone, which makes sense only where all scores are the same.
   */
  countBefore(score: number, member: string | null, side: 1 | -1): number {
    let count = 0
    let node = this.#root
    while (node instanceof Inner) {
      const child = boundAt(node.scores, node.members, score, member, side, 1) - 1
      for (let i = 0; i < child; i++) count += node.counts[i]
      node = node.children[child]
    }
    return count + boundAt(node.scores, node.members, score, member, side, 0)
  }

  /** Calls `visit` for up to `count` members from a rank on; `step` -1: downwards. Must not be changed meanwhile. */
  walk(from: number, count: number, step: 1 | -1, visit: Visit): void {
    if (from >= 0 && from < this.#size) walkIn(this.#root, from, count, step, visit)
  }

  /** Lowest first. */
  [Symbol.iterator](): Generator<[string, number], undefined> {
    return entriesOf(this.#root)
  }

  /**
   * The members as they are now, lowest first, whatever changes come, and what is to be called when nobody reads them any
   * more. What is kept for them meanwhile is counted into `weight`.
   */
  image(weight: Weight): { entries: () => Iterator<[string, number]>; close: () => void } {
    const root = this.#root
    const weights = this.#owner?.weights ?? []
    weights.push(weight)
    this.#owner = { weights }
    const close = (): void => {
      const at = weights.indexOf(weight)
      if (at >= 0) weights.splice(at, 1)
    }
    return { entries: () => entriesOf(root), close }
  }

  clone(): Ranking {
    const copy = new Ranking()
    copy.#size = this.#size
    copy.#root = copyOf(this.#root, copy.#owner)
    return copy
  }

  #ownRoot(): void {
    if (this.#root.owner !== this.#owner) this.#root = ownCopy(this.#root, this.#owner)
  }

  #shrink(): void {
    this.#size--
    while (this.#root instanceof Inner && this.#root.children.length === 1) this.#root = this.#root.children[0]
  }
}

/** Visits up to `left` members from the one at `index` on, and says how many of them are left. */
function walkIn(node: Node, index: number, left: number, step: 1 | -1, visit: Visit): number {
  if (node instanceof Leaf) {
    const { scores, members } = node
    let more = left
    for (let i = index; i >= 0 && i < members.length && more > 0; i += step, more--) visit(members[i], scores[i])
    return more
  }
  const { children, counts } = node
  let child = 0
  let below = index
  while (below >= counts[child]) below -= counts[child++]
  let more = left
  for (; child >= 0 && child < children.length && more > 0; child += step) {
    more = walkIn(children[child], below, more, step, visit)
    if (child + step >= 0) below = step > 0 ? 0 : counts[child + step] - 1
  }
  return more
}

function* entriesOf(root: Node): Generator<[string, number], undefined> {
  for (const { members, scores } of leavesOf(root))
    for (let i = 0; i < members.length; i++) yield [members[i], scores[i]]
}

function* leavesOf(node: Node): Generator<Leaf, undefined> {
  if (node instanceof Leaf) yield node
  else for (const child of node.children) yield* leavesOf(child)
}

/** The child, which may be changed: if it is not the parent's owner's, a copy in its place. */
function ownChild(node: Inner, child: number): Node {
  const found = node.children[child]
  if (found.owner === node.owner) return found
  const own = ownCopy(found, node.owner)
  node.children[child] = own
  return own
}

function ownCopy(node: Node, owner: Owner | null): Node {
  for (const weight of owner?.weights ?? []) weight.bytes += node.members.length * ELEMENT_OVERHEAD_BYTES
  const copy = node instanceof Leaf ? new Leaf(owner) : new Inner(owner)
  copy.scores = node.scores.slice()
  copy.members = node.members.slice()
  if (copy instanceof Inner && node instanceof Inner) {
    copy.children = node.children.slice()
    copy.counts = node.counts.slice()
  }
  return copy
}

/** Negative, zero, positive, as Redis orders members: by their bytes. */
function compareMembers(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    // From the surrogates on the order of UTF-16 is not that of the bytes.
    if (x !== y) return x < 0xd800 && y < 0xd800 ? x - y : compareText(a, b)
  }
  return a.length - b.length
}

/** The first index, from `low` on, whose entry does not stand before the place. */
function boundAt(
  scores: readonly number[],
  members: readonly string[],
  score: number,
  member: string | null,
  side: number,
  low: number,
): number {
  let high = members.length
  while (low < high) {
    const middle = (low + high) >> 1
    const at = scores[middle]
    let order: number
    // Neither holds for ANY_SCORE.
    if (at < score) order = -1
    else if (at > score) order = 1
    else order = member === null ? side : compareMembers(members[middle], member)
    if (order < 0 || (order === 0 && side < 0)) low = middle + 1
    else high = middle
  }
  return low
}

/** The child that a pair is below, or belongs below. */
function childFor(node: Inner, score: number, member: string): number {
  return boundAt(node.scores, node.members, score, member, -1, 1) - 1
}

/** What was split off to the right, if the node was full. `isFirst`, `isLast`: no node of its level is before or behind it. */
function insertInto(node: Node, score: number, member: string, isFirst: boolean, isLast: boolean): Node | null {
  if (node instanceof Leaf) return insertIntoLeaf(node, score, member, isFirst, isLast)
  const child = childFor(node, score, member)
  const isLastChild = isLast && child === node.children.length - 1
  const right = insertInto(ownChild(node, child), score, member, isFirst && child === 0, isLastChild)
  node.counts[child]++
  if (right === null) return null
  node.counts[child] = countOf(node.children[child])
  const other = node.children.length === NODE_SIZE ? splitInner(node, child + 1) : null
  const into = other !== null && child + 1 > node.children.length ? other : node
  const at = into === node ? child + 1 : child + 1 - node.children.length
  addChild(into, at, right, leastScore(right), leastMember(right))
  return other
}

function insertIntoLeaf(leaf: Leaf, score: number, member: string, isFirst: boolean, isLast: boolean): Leaf | null {
  const at = boundAt(leaf.scores, leaf.members, score, member, 1, 0)
  if (leaf.members.length < NODE_SIZE) {
    insertAt(leaf.scores, at, score)
    insertAt(leaf.members, at, member)
    return null
  }
  const right = splitLeaf(leaf, cutFor(at, isLast, isFirst))
  const into = at > leaf.members.length ? right : leaf
  const index = into === leaf ? at : at - leaf.members.length
  insertAt(into.scores, index, score)
  insertAt(into.members, index, member)
  return right
}

/** Where to cut a full node. What grows at one end only, as when a snapshot is read, should leave full nodes behind. */
function cutFor(at: number, isLast: boolean, isFirst: boolean): number {
  if (isLast && at === NODE_SIZE) return NODE_SIZE - 1
  if (isFirst && at === 0) return 1
  return NODE_SIZE >> 1
}

// Slices are as large as what is in them; arrays that were pushed to have room to spare.

function splitLeaf(leaf: Leaf, cut: number): Leaf {
  const right = new Leaf(leaf.owner)
  right.scores = leaf.scores.slice(cut)
  right.members = leaf.members.slice(cut)
  leaf.scores = leaf.scores.slice(0, cut)
  leaf.members = leaf.members.slice(0, cut)
  return right
}

function splitInner(node: Inner, at: number): Inner {
  const cut = cutFor(at, true, false)
  const right = new Inner(node.owner)
  right.children = node.children.splice(cut)
  right.counts = node.counts.splice(cut)
  right.scores = node.scores.splice(cut)
  right.members = node.members.splice(cut)
  return right
}

function addChild(node: Inner, at: number, child: Node, score: number, member: string): void {
  insertAt(node.children, at, child)
  insertAt(node.counts, at, countOf(child))
  insertAt(node.scores, at, score)
  insertAt(node.members, at, member)
}

/** Of a node that was split off: its bound. */
function leastScore(node: Node): number {
  return node.scores[0]
}

function leastMember(node: Node): string {
  return node.members[0]
}

function countOf(node: Node): number {
  if (node instanceof Leaf) return node.members.length
  let count = 0
  for (let i = 0; i < node.counts.length; i++) count += node.counts[i]
  return count
}

function removeFrom(node: Node, score: number, member: string): void {
  if (node instanceof Leaf) {
    const at = boundAt(node.scores, node.members, score, member, 1, 0)
    deleteAt(node.scores, at)
    deleteAt(node.members, at)
    return
  }
  const child = childFor(node, score, member)
  removeFrom(ownChild(node, child), score, member)
  node.counts[child]--
  joinIfSparse(node, child)
}

function removeRankFrom(node: Node, rank: number): string {
  if (node instanceof Leaf) {
    const member = node.members[rank]
    deleteAt(node.scores, rank)
    deleteAt(node.members, rank)
    return member
  }
  let child = 0
  let below = rank
  while (below >= node.counts[child]) below -= node.counts[child++]
  const member = removeRankFrom(ownChild(node, child), below)
  node.counts[child]--
  joinIfSparse(node, child)
  return member
}

/** Joins a child that has become small with one beside it. An empty one fits with any. */
function joinIfSparse(node: Inner, child: number): void {
  const size = sizeOf(node.children[child])
  if (size >= SPARSE_SIZE || node.children.length === 1) return
  const left = child > 0 && size + sizeOf(node.children[child - 1]) <= NODE_SIZE ? child - 1 : child
  if (left === child && (child + 1 === node.children.length || size + sizeOf(node.children[child + 1]) > NODE_SIZE))
    return
  join(node, left)
}

function sizeOf(node: Node): number {
  return node.members.length
}

/** Puts a child and the next one into one. */
function join(node: Inner, left: number): void {
  const into = ownChild(node, left)
  const from = node.children[left + 1]
  if (into instanceof Leaf && from instanceof Leaf) {
    into.scores = into.scores.concat(from.scores)
    into.members = into.members.concat(from.members)
  } else if (into instanceof Inner && from instanceof Inner) {
    into.children = into.children.concat(from.children)
    into.counts = into.counts.concat(from.counts)
    into.scores = into.scores.concat(from.scores)
    into.members = into.members.concat(from.members)
  }
  node.counts[left] += node.counts[left + 1]
  deleteAt(node.children, left + 1)
  deleteAt(node.counts, left + 1)
  deleteAt(node.scores, left + 1)
  deleteAt(node.members, left + 1)
}

// For arrays this short these loops are faster than splice, which makes an array of what it takes out.

function insertAt<T>(array: T[], index: number, value: T): void {
  array.push(value)
  for (let i = array.length - 1; i > index; i--) array[i] = array[i - 1]
  array[index] = value
}

function deleteAt<T>(array: T[], index: number): void {
  const last = array.length - 1
  for (let i = index; i < last; i++) array[i] = array[i + 1]
  array.pop()
}

function copyOf(node: Node, owner: Owner | null): Node {
  const copy = ownCopy(node, owner)
  if (copy instanceof Inner) copy.children = copy.children.map((child) => copyOf(child, owner))
  return copy
}
