/**
 * Finds heads and proofs in a build log by their shape: where a report of the go command (go-report.ts) went through a
 * build system, lines have prefixes, TABs and empty lines are gone, long lines are folded, and lines of two builds
 * alternate. A number, a hash and a signature that verifies under a known key make a head, wherever they are; two heads
 * and hashes that prove a contradiction make evidence. Nobody is convicted wrongly, since nothing is believed that does
 * not verify. Pure.
 */
import { isAccepted, unlessRefused } from '../errors/attempt.js'
import { equalBytes, fromBase64, toHex, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint, SUMDB_ORIGIN, type Checkpoint } from '../tlog/checkpoint.js'
import { EMPTY_ROOT, HASH_SIZE, type Hash } from '../tlog/hash.js'
import { checkTree, proveTree } from '../tlog/merkle.js'
import { isKeyName, type Note, type Signature, type VerifierKey } from '../tlog/note.js'
import { makeSplitView, type SplitView } from './evidence.js'
import { readingsOf } from './log-text.js'

/** A head that was found; `note` has the log's verified line, then the lines of others that followed it. */
export interface FoundHead {
  readonly key: VerifierKey
  readonly note: Note
}

export interface Found {
  readonly heads: readonly FoundHead[]
  readonly evidence: readonly SplitView[]
}

/** The most heads searched for in one text, and the most evidence made from them. */
const MAX_HEADS = 64
const MAX_EVIDENCE = 16
/** The most signatures verified, and proofs tried, per text: some seconds. */
const MAX_VERIFIED = 10_000
const MAX_PROOFS = 20_000
/**
 * Numbers and hashes before a signature that may belong to its head, lines of others after it, and hashes of a proof.
 */
const NEARBY = { numbers: 32, hashes: 8, others: 90, proofHashes: 512 }
/** Characters of a line before a word: a name, and the prefix of a build system. */
const MAX_BEFORE = 512
/** Lines over which a folded word may extend. */
const MAX_FOLDS = 60
/** Base64 lengths of a log's signature, and of cosignatures: Ed25519, then ML-DSA-44; each with its key id. */
const SIGNATURE_LENGTHS = { log: 92, others: [104, 3244] }
const HASH_LENGTH = 44

interface FoundHash {
  readonly at: number
  readonly hash: Hash
  /** Its base64 as printed, which is what was signed: a log may set bits that have no meaning. */
  readonly word: string
  readonly before: string
}

/** The pieces found in a text, in order. */
interface Pieces {
  readonly numbers: readonly { readonly at: number; readonly text: string }[]
  readonly hashes: readonly FoundHash[]
  readonly signatures: readonly { readonly at: number; readonly line: Signature }[]
}

/** Everything that can be found in a text with these keys of logs. */
export function findByShape(bytes: Uint8Array, keys: readonly VerifierKey[]): Found {
  const heads = new Map<string, FoundHead>()
  const evidence = new Map<string, SplitView>()
  const left = { verified: MAX_VERIFIED, proofs: MAX_PROOFS }
  for (const reading of readingsOf(bytes)) {
    if (!/go\.sum\s+database/.test(reading)) continue
    const pieces = piecesOf(reading)
    const placed = headsIn(pieces, keys, left)
    for (const { key, note } of placed) {
      const id = `${key.vkey}\n${note.text}`
      // One reading may spoil lines of others that another one shows.
      const isBest = note.signatures.length > (heads.get(id)?.note.signatures.length ?? 0)
      if (isBest) heads.set(id, { key, note })
    }
    for (const found of evidenceIn(placed, pieces, left)) evidence.set(found.heads.join(), found)
  }
  return { heads: [...heads.values()], evidence: [...evidence.values()].slice(0, MAX_EVIDENCE) }
}

// ---- pieces ----------------------------------------------------------------------------------------------------

/** A base64 word; the text before it on its line distinguishes builds. */
const WORD = /[A-Za-z0-9+/]+={0,2}/g
const NUMBER = /(?<![\w.:#+/-])(?:0|[1-9][0-9]{0,18})(?![\w.:+/=-])/g

function piecesOf(text: string): Pieces {
  const numbers: { at: number; text: string }[] = []
  const hashes: FoundHash[] = []
  const signatures: { at: number; line: Signature }[] = []
  const lines = text.split('\n')
  const starts: number[] = []
  let at = 0
  for (const line of lines) {
    starts.push(at)
    at += line.length + 1
  }
  /** Classifies a word by its length. */
  const take = (word: string, index: number, before: string): boolean => {
    const isHash = word.length === HASH_LENGTH
    if (!isHash && word.length !== SIGNATURE_LENGTHS.log && !SIGNATURE_LENGTHS.others.includes(word.length))
      return false
    // A word of these lengths is always base64: they are multiples of four.
    const decoded = fromBase64(word)!
    if (isHash && decoded.length === HASH_SIZE) hashes.push({ at: index, hash: decoded, word, before })
    else if (!isHash) signatures.push({ at: index, line: signatureOf(decoded, before) })
    return true
  }
  for (const [i, line] of lines.entries()) {
    const start = starts[i]!
    const end = line.trimEnd().length
    for (const match of line.matchAll(NUMBER)) numbers.push({ at: start + match.index, text: match[0] })
    for (const match of line.matchAll(WORD)) {
      const [word] = match
      const before = line.slice(Math.max(0, match.index - MAX_BEFORE), match.index)
      if (take(word, start + match.index, before)) continue
      const isLast = match.index + word.length === end
      if (isLast && !word.includes('=')) unfolded(word, lines, i, (whole) => take(whole, start + match.index, before))
    }
  }
  return { numbers, hashes, signatures }
}

/** Appends the last word of each following line until the whole is a known piece. */
function unfolded(word: string, lines: readonly string[], from: number, take: (whole: string) => boolean): void {
  let whole = word
  for (
    let i = from + 1;
    i < lines.length && i <= from + MAX_FOLDS && whole.length < SIGNATURE_LENGTHS.others[1]!;
    i++
  ) {
    const rest = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]+={0,2}(?=\s*$)/.exec(lines[i]!)?.[0]
    if (rest === undefined) return
    whole += rest
    if (take(whole) || rest.includes('=')) return
  }
}

/** A signature line: the word before the base64 is the name, if it can be one. */
function signatureOf(decoded: Uint8Array, before: string): Signature {
  const name = /(?<![^\s\u2014])[^\s\u2014]+(?=\s*$)/.exec(before)?.[0] ?? ''
  return { name, keyId: toHex(decoded.subarray(0, 4)), bytes: decoded.slice(4) }
}

// ---- heads -----------------------------------------------------------------------------------------------------

/** A head with its position in the text. */
interface PlacedHead extends FoundHead {
  /** Undefined for a size that no tree has. */
  readonly tree: Checkpoint | undefined
  readonly at: number
}

function headsIn(pieces: Pieces, keys: readonly VerifierKey[], left: { verified: number }): PlacedHead[] {
  const found: PlacedHead[] = []
  // A report that is printed repeatedly counts once.
  const seen = new Set<string>()
  for (const { at, line } of pieces.signatures) {
    const key = keys.find(({ keyId }) => keyId === line.keyId)
    const signature = toHex(line.bytes)
    if (key === undefined || seen.has(signature) || found.length >= MAX_HEADS) continue
    const text = textOf(at, pieces, (candidate) => left.verified-- > 0 && key.verify(utf8(candidate), line.bytes))
    if (text === undefined) continue
    seen.add(signature)
    const signatures = [{ ...line, name: key.name }, ...othersBelow(at, pieces, keys)]
    found.push({ key, note: { text, signatures }, tree: treeOf(text), at })
  }
  return found
}

/** The signed text: made of the nearest number and hash before the signature with which it verifies. */
function textOf(at: number, { numbers, hashes }: Pieces, verifies: (text: string) => boolean): string | undefined {
  const near = <T extends { at: number }>(all: readonly T[], count: number): T[] =>
    all.slice(0, firstFrom(all, at)).slice(-count).reverse()
  for (const { word } of near(hashes, NEARBY.hashes)) {
    for (const { text: size } of near(numbers, NEARBY.numbers)) {
      const text = `${SUMDB_ORIGIN}\n${size}\n${word}\n`
      if (verifies(text)) return text
    }
  }
  return undefined
}

/** The index of the first piece at or after this position; they are in order. */
function firstFrom(all: readonly { readonly at: number }[], at: number): number {
  let [low, high] = [0, all.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (all[middle]!.at < at) low = middle + 1
    else high = middle
  }
  return low
}

/** Lines of others up to the next hash: one that is not a cosignature of this head will not verify. */
function othersBelow(at: number, { signatures, hashes }: Pieces, keys: readonly VerifierKey[]): Signature[] {
  const until = hashes[firstFrom(hashes, at)]?.at ?? Infinity
  return signatures
    .slice(firstFrom(signatures, at), firstFrom(signatures, until))
    .map(({ line }) => line)
    .filter(({ name, keyId }) => isKeyName(name) && keys.every((key) => key.keyId !== keyId))
    .slice(0, NEARBY.others)
}

function treeOf(text: string): Checkpoint | undefined {
  return unlessRefused(() => parseCheckpoint(text))
}

// ---- evidence --------------------------------------------------------------------------------------------------

function evidenceIn(heads: readonly PlacedHead[], { hashes }: Pieces, left: { proofs: number }): SplitView[] {
  const found: SplitView[] = []
  const distinct = [...new Map(heads.map((head) => [`${head.key.vkey}\n${head.note.text}`, head])).values()]
  // Heads of one report are next to each other.
  for (const distance of distinct.keys()) {
    for (const [i, a] of distinct.slice(0, distinct.length - distance).entries()) {
      const b = distinct[i + distance]!
      if (a.key !== b.key || a.tree === undefined || b.tree === undefined || found.length >= MAX_EVIDENCE) continue
      const [small, large] = a.tree.size <= b.tree.size ? [a.tree, b.tree] : [b.tree, a.tree]
      if (small.size === 0 || small.size === large.size) {
        const expected = small.size === 0 ? EMPTY_ROOT : large.root
        if (!equalBytes(small.root, expected)) found.push(makeSplitView(a.key, [a.note, b.note]))
        continue
      }
      const from = firstFrom(hashes, Math.max(a.at, b.at))
      const below = hashes.slice(from, from + NEARBY.proofHashes)
      const prefix = prefixIn(below, small, large, left)
      if (prefix !== undefined) found.push(makeSplitView(a.key, [a.note, b.note], prefix))
    }
  }
  return found
}

/** The hashes that prove another root of the smaller size, in one of the orders in which they may be printed. */
function prefixIn(
  hashes: Pieces['hashes'],
  small: Checkpoint,
  large: Checkpoint,
  left: { proofs: number },
): { root: Hash; proof: readonly Hash[] } | undefined {
  const length = proveTree(large.size, small.size, (indexes) => indexes.map(() => EMPTY_ROOT)).length
  for (const order of ordersOf(hashes, 1 + length)) {
    for (let from = 0; from + length < order.length && left.proofs-- > 0; from++) {
      const root = order[from]!
      const proof = order.slice(from + 1, from + 1 + length)
      if (!equalBytes(root, small.root) && proves(proof, large, small.size, root)) return { root, proof }
    }
  }
  return undefined
}

/**
 * Possible orders: as printed; only those with one prefix; each once; and `count` of them from two or three builds that
 * alternate until the others have ended.
 */
function ordersOf(hashes: Pieces['hashes'], count: number): Hash[][] {
  const byPrefix = new Map<string, Hash[]>()
  for (const { hash, before } of hashes) {
    // Times differ from line to line.
    const words = before.split(/\s+/).filter((word) => !/\d[.:,]\d/.test(word))
    const prefix = words.join(' ')
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), hash])
  }
  const all = hashes.map(({ hash }) => hash)
  const once = [...new Map(all.map((hash) => [toHex(hash), hash])).values()]
  const alternating = [2, 3].flatMap((builds) =>
    Array.from({ length: builds * count }, (_, i) => {
      const [build, turns] = [i % builds, Math.floor(i / builds) + 1]
      const inTurns = Array.from({ length: turns }, (_none, turn) => all[build + turn * builds])
      return [...inTurns, ...all.slice(build + (turns - 1) * builds + 1)]
        .filter((hash) => hash !== undefined)
        .slice(0, count)
    }),
  )
  return [all, ...(byPrefix.size > 1 ? byPrefix.values() : []), once, ...alternating]
}

function proves(proof: readonly Hash[], large: Checkpoint, oldSize: number, root: Hash): boolean {
  return isAccepted(() => checkTree(proof, large.size, large.root, oldSize, root))
}
