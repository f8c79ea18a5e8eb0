/** The log of the model: five histories under one key, made once, and how two of their heads relate. */
import { toHex } from '../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { Hash } from '../../src/tlog/hash.js'
import type { Tree } from '../../src/tlog/merkle.js'
import type { LogSetting } from '../../src/logs/log-setting.js'
import type { Prefix } from '../../src/witness/decide.js'
import { GossumError } from '../../src/errors.js'
import { testSigner } from '../helpers/heart.js'
import { History, setUnusedBit } from '../helpers/history.js'
import { remembered } from './remembered.js'

export const LARGEST = 32
/**
 * The spelling of a head: as a witness signs it, with an additional line, or with an unused bit set in the root's
 * base64.
 */
export const SPELLINGS = ['canonical', 'line', 'bit'] as const
export type Spelling = (typeof SPELLINGS)[number]

const signer = testSigner('log.example', 1)
const honest = new History(signer)
const fromThree = honest.fork(3, 'b')
const fromEight = honest.fork(8, 'c')
/** Forks at 3 and 8, a fork of a fork, and one that shares nothing. */
const HISTORIES = [honest, fromThree, fromEight, fromThree.fork(6, 'd'), honest.fork(0, 'e')]
export const HISTORY_COUNT = HISTORIES.length

export const SETTING: LogSetting = {
  id: logId(signer.verifier.name, SUMDB_ORIGIN),
  key: remembered(signer.verifier),
  origin: SUMDB_ORIGIN,
  url: 'https://log.example',
  upstream: null,
  disabled: false,
  list: null,
  perDay: null,
}
export const LOG = SETTING.id

/** A head that the log signed. */
export interface ShownHead {
  readonly size: number
  /** Hex. */
  readonly root: string
  readonly text: string
  readonly note: Uint8Array
}

/** By history, size and spelling. */
const HEADS = HISTORIES.map((history) =>
  Array.from({ length: LARGEST + 1 }, (_, size) =>
    SPELLINGS.map((spelling): ShownHead => {
      const plain = history.text(size)
      const text = spelled(plain, spelling)
      return { size, root: toHex(history.tree(size).root), text, note: history.sign(text) }
    }),
  ),
)
/** By history, the larger size, and the smaller. */
const PREFIXES = HISTORIES.map((history) =>
  Array.from({ length: LARGEST + 1 }, (_, of) =>
    Array.from({ length: of }, (_, size) => (size === 0 ? undefined : history.prefix(history.tree(of), size))),
  ),
)

function spelled(text: string, spelling: Spelling): string {
  if (spelling === 'line') return `${text}spelled\n`
  if (spelling === 'canonical') return text
  const [origin, size, root] = text.split('\n')
  return `${origin}\n${size}\n${setUnusedBit(root!)}\n`
}

export function headOf(history: number, size: number, spelling: Spelling = 'canonical'): ShownHead {
  return HEADS[history]![size]![SPELLINGS.indexOf(spelling)]!
}

/** A head of a size that no tree has. */
export const IMPOSSIBLE = honest.sign(`${SUMDB_ORIGIN}\n9007199254740993\n${honest.text(1).split('\n')[2]!}\n`)

/** A proof from some of the histories. */
export function prefixIn(histories: readonly number[], of: Tree, size: number): Prefix {
  const root = toHex(of.root)
  for (const history of histories) {
    const prefix = HEADS[history]![of.size]?.[0]!.root === root ? PREFIXES[history]![of.size]![size] : undefined
    if (prefix !== undefined) return prefix
  }
  throw new GossumError('TILE_INVALID', `no tiles of this tree of ${of.size}`)
}

/** The proof from one size to another in a history. */
export function proofIn(history: number, from: number, to: number): readonly Hash[] {
  return from === 0 || from >= to ? [] : PREFIXES[history]![to]![from]!.proof
}

/** Whether one history has both trees. Roots are hex. */
export function areOneHistory(a: Pick<ShownHead, 'size' | 'root'>, b: Pick<ShownHead, 'size' | 'root'>): boolean {
  const isIn = (heads: readonly (readonly ShownHead[])[], { size, root }: Pick<ShownHead, 'size' | 'root'>): boolean =>
    heads[size]?.[0]!.root === root
  return HEADS.some((heads) => isIn(heads, a) && isIn(heads, b))
}

/** The first history that has a tree; undefined when none has. The root is hex. */
export function historyWith({ size, root }: Pick<ShownHead, 'size' | 'root'>): number | undefined {
  const found = HEADS.findIndex((heads) => heads[size]?.[0]!.root === root)
  return found === -1 ? undefined : found
}
