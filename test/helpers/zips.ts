/** Zips, valid and invalid. */
import { crc32, deflateRawSync } from 'node:zlib'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'

export interface MadeEntry {
  readonly name: string | Uint8Array
  readonly data: string | Uint8Array
  readonly isDeflated?: boolean
  /** The size that the zip claims, if not the real one. */
  readonly size?: number
  readonly crc?: number
  /** A Unix mode: 0o120777 is a link. */
  readonly mode?: number
  /** In DOS format. */
  readonly time?: number
  /** 0 stored, 8 deflated; others exist. */
  readonly method?: number
}

/** A zip of these entries, in their order. */
export function makeZip(entries: readonly MadeEntry[]): Uint8Array {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const entry of entries) {
    const name = typeof entry.name === 'string' ? utf8(entry.name) : entry.name
    const data = typeof entry.data === 'string' ? utf8(entry.data) : entry.data
    const packed = entry.isDeflated === true ? deflateRawSync(data) : data
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800, 2)
    common.writeUInt16LE(entry.method ?? (entry.isDeflated === true ? 8 : 0), 4)
    common.writeUInt16LE(entry.time ?? 0, 6)
    common.writeUInt32LE(entry.crc ?? crc32(data), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(entry.size ?? data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = concatBytes(utf8('PK\x03\x04'), common, name, packed)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    const by = Uint8Array.of(20, entry.mode === undefined ? 0 : 3)
    directory.push(concatBytes(utf8('PK\x01\x02'), by, common, tail, name))
    parts.push(local)
    offset += local.length
  }
  const list = concatBytes(...directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(list.length, 8)
  end.writeUInt32LE(offset, 12)
  return concatBytes(...parts, list, utf8('PK\x05\x06'), end)
}
