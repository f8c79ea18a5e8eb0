/** A log of generated records that keeps only hashes in memory: a large one is made within a second. */
import { GossumError } from '../../src/errors.js'
import { formatRecord, unescapeModule } from '../../src/sumdb/module.js'
import type { LogReply } from '../../src/sumdb/log-server.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { Hash } from '../../src/tlog/hash.js'
import { storedHashIndex, treeRoot } from '../../src/tlog/merkle.js'
import { formatNote, signNote, type SignerKey } from '../../src/tlog/note.js'
import { parseTilePath } from '../../src/tlog/tile.js'
import { MemoryLog } from '../helpers/tree.js'
import { madeUpRecord, type Answering } from './lying-log.js'

export class LargeLog implements Answering {
  readonly size: number
  readonly #signer: SignerKey
  readonly #memory = new MemoryLog()

  constructor(signer: SignerKey, size: number) {
    this.#signer = signer
    this.size = size
    for (let n = 0; n < size; n++) this.#memory.append(utf8(madeUpRecord(n).text))
  }

  get root(): Hash {
    return treeRoot(this.size, this.#memory.read)
  }

  head(): Uint8Array {
    const text = formatCheckpoint({ origin: SUMDB_ORIGIN, size: this.size, root: this.root })
    return formatNote({ text, signatures: [signNote(text, this.#signer)] })
  }

  handle(pathname: string): Promise<LogReply> {
    const say = (status: number, body: Uint8Array = new Uint8Array()): Promise<LogReply> => {
      return Promise.resolve({ status, type: 'application/octet-stream', body })
    }
    try {
      return say(200, this.#body(pathname))
    } catch (error) {
      if (error instanceof GossumError) return say(400)
      throw error
    }
  }

  #body(path: string): Uint8Array {
    if (path === '/latest') return this.head()
    if (path.startsWith('/lookup/')) {
      const id = Number(/Module(\d+)$/.exec(unescapeModule(path.slice('/lookup/'.length)).path)![1])
      return concatBytes(formatRecord(id, utf8(madeUpRecord(id).text)), this.head())
    }
    const { level, index, width } = parseTilePath(path.slice(1))
    const places = Array.from({ length: width }, (_, i) => index * 256 + i)
    if (level === -1) return utf8(places.map((n) => `${madeUpRecord(n).text}\n`).join(''))
    return concatBytes(...this.#memory.read(places.map((n) => storedHashIndex(8 * level, n))))
  }
}
