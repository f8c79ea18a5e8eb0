/** A log of any records, as files at the paths at which it is served: what a server would write, or a liar. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dialectOf } from '../../src/sumdb/log-layout.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { EMPTY_ROOT, HASH_SIZE, hashLeaf, hashNode, type Hash } from '../../src/tlog/hash.js'
import { formatNote, signNote, type SignerKey } from '../../src/tlog/note.js'
import { TILE_HEIGHT, tileRoot, type Tile } from '../../src/tlog/tile.js'

const WIDTH = 2 ** TILE_HEIGHT

export interface LogFolderSetting {
  readonly dir: string
  readonly signer: SignerKey
  /** SUMDB_ORIGIN if absent; with another origin it is a log of c2sp.org/tlog-tiles. */
  readonly origin?: string
  /** Whether each record of a data tile is preceded by its number, as in the server of x/mod. */
  readonly isNumbered?: boolean
}

/** Writes a log, record by record; `finish` writes the incomplete tiles, and may be called repeatedly. */
export class LogFolderWriter {
  readonly #setting: LogFolderSetting
  readonly #address: (tile: Tile) => string
  /** For each level, the hashes of the tile that is not full. */
  readonly #open: Hash[][] = []
  #records: Uint8Array[] = []
  #size = 0

  constructor(setting: LogFolderSetting) {
    this.#setting = setting
    this.#address = dialectOf(setting.origin ?? SUMDB_ORIGIN).tilePath
  }

  get size(): number {
    return this.#size
  }

  add(record: Uint8Array): void {
    this.#records.push(record)
    this.#size++
    this.#push(0, hashLeaf(record))
    if (this.#records.length === WIDTH) {
      this.#writeRecords()
      this.#records = []
    }
  }

  /** Writes the partial tiles and the head, and returns the head as a note. */
  finish(): Uint8Array {
    if (this.#records.length > 0) this.#writeRecords()
    this.#open.forEach((hashes, level) => {
      if (hashes.length > 0) this.#write(level, Math.floor(this.#size / WIDTH ** (level + 1)), hashes)
    })
    const { origin = SUMDB_ORIGIN, signer } = this.#setting
    const text = formatCheckpoint({ origin, size: this.#size, root: this.root })
    const note = formatNote({ text, signatures: [signNote(text, signer)] })
    this.put(dialectOf(origin).newestHead, note)
    return note
  }

  /** The root of all records so far. */
  get root(): Hash {
    let root: Hash | undefined
    for (const hashes of this.#open) {
      for (const hash of perfect(hashes).reverse()) root = root === undefined ? hash : hashNode(hash, root)
    }
    return root ?? EMPTY_ROOT
  }

  /** Writes, or overwrites, the file at a path. */
  put(path: string, data: Uint8Array): void {
    const file = join(this.#setting.dir, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, data)
  }

  #push(level: number, hash: Hash): void {
    const hashes = (this.#open[level] ??= [])
    hashes.push(hash)
    if (hashes.length < WIDTH) return
    this.#write(level, this.#size / WIDTH ** (level + 1) - 1, hashes)
    this.#open[level] = []
    this.#push(level + 1, tileRoot(concatBytes(...hashes)))
  }

  #write(level: number, index: number, hashes: readonly Hash[]): void {
    this.put(this.#address({ height: TILE_HEIGHT, level, index, width: hashes.length }), concatBytes(...hashes))
  }

  #writeRecords(): void {
    const { origin = SUMDB_ORIGIN, isNumbered = false } = this.#setting
    const width = this.#records.length
    const first = this.#size - width
    const parts = this.#records.flatMap((record, i) =>
      origin !== SUMDB_ORIGIN
        ? [Uint8Array.of(record.length >> 8, record.length & 255), record]
        : [utf8(isNumbered ? `${first + i}\n` : ''), record, utf8('\n')],
    )
    this.put(this.#address({ height: TILE_HEIGHT, level: -1, index: first / WIDTH, width }), concatBytes(...parts))
  }
}

/** The perfect subtrees of the hashes of a partial tile, left to right. */
function perfect(hashes: readonly Hash[]): Hash[] {
  const roots: Hash[] = []
  for (let from = 0, width = WIDTH / 2; width >= 1; width /= 2) {
    if (from + width > hashes.length) continue
    roots.push(tileRoot(concatBytes(...hashes.slice(from, from + width))))
    from += width
  }
  return roots
}

/** The bytes of a hash that is not in the tree. */
export function otherHash(): Hash {
  return new Uint8Array(HASH_SIZE).fill(7)
}

/** A correct record of the module version with this number, about as long as those of the public log. */
export function madeRecord(n: number, version = 'v1.2.3'): Uint8Array {
  const path = `example.com/made-${n % 977}/module-${n}`
  const hash = (salt: number): string => {
    const bytes = Buffer.alloc(HASH_SIZE)
    for (let i = 0; i < 8; i++) bytes.writeInt32LE(Math.imul(n + 1, 2654435761) ^ Math.imul(i + salt, 40503), i * 4)
    return bytes.toString('base64')
  }
  return utf8(`${path} ${version} h1:${hash(1)}\n${path} ${version}/go.mod h1:${hash(2)}\n`)
}
