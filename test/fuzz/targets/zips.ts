/** Zips of modules, as proxies serve them. */
import { crc32, inflateRawSync } from 'node:zlib'
import { hashZip, zipEntries, type HashedZip } from '../../../src/module/module-zip.js'
import { makeZip, type MadeEntry } from '../../helpers/zips.js'
import { scratchFile } from './scratch.js'
import { promise, readingLater, type Target } from './target.js'

const MODULE = 'example.com/m@v1.0.0'
const PREFIX = `${MODULE}/`
const GO_MOD = { name: `${PREFIX}go.mod`, data: 'module example.com/m\n' }

const fileOf = (bytes: Uint8Array): string => scratchFile('zip', bytes)

function hashed(bytes: Uint8Array): Promise<HashedZip | undefined> {
  return readingLater(() => hashZip(fileOf(bytes), PREFIX), 'MODULE_ZIP_INVALID')
}

/** Rewrites the entries, one after another, with correct lengths and checksums. */
function repaired(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1')
  const entries = text
    .split('PK\x03\x04')
    .slice(1)
    .map((entry): MadeEntry => {
      const all = Buffer.from(entry.split('PK\x01\x02')[0]!, 'latin1')
      const head = Buffer.concat([all.subarray(0, 26), Buffer.alloc(Math.max(0, 26 - all.length))])
      const nameEnd = 26 + (head.readUInt16LE(22) % 256)
      const name = new Uint8Array(all.subarray(26, nameEnd))
      const data = new Uint8Array(all.subarray(nameEnd))
      const unpacked = head.readUInt16LE(4) === 8 ? inflated(data) : undefined
      return unpacked === undefined
        ? { name, data }
        : { name, data, method: 8, size: unpacked.length, crc: crc32(unpacked) }
    })
  return makeZip(entries)
}

function inflated(data: Uint8Array): Uint8Array | undefined {
  try {
    return inflateRawSync(data, { maxOutputLength: 1024 * 1024 })
  } catch {
    return undefined
  }
}

/** Whether it begins with a file, and its list fills the space before its end. */
function isInOrder(zip: Buffer): boolean {
  const end = zip.lastIndexOf('PK\x05\x06')
  if (end === -1 || end + 22 > zip.length || zip.readUInt32LE(end + 4) !== 0) return false
  if (end + 22 + zip.readUInt16LE(end + 20) !== zip.length) return false
  let at = zip.readUInt32LE(end + 16)
  const isBefore = zip.readUInt32LE(end + 12) + at === end
  while (at + 46 <= end && zip.readUInt32LE(at) === 0x0201_4b50)
    at += 46 + zip.readUInt16LE(at + 28) + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  return isBefore && at === end && ['PK\x03\x04', 'PK\x05\x06'].includes(zip.subarray(0, 4).toString('latin1'))
}

export const moduleZip: Target = {
  about: 'zips of modules',
  most: 64 * 1024,
  words: [
    'PK\x03\x04',
    'PK\x01\x02',
    'PK\x05\x06',
    'PK\x06\x06',
    PREFIX,
    'go.mod',
    'GO.MOD',
    '/',
    '../',
    '\\',
    '\x01\0',
    '\xff\xff\xff\xff',
  ],
  seeds: [
    makeZip([GO_MOD, { name: `${PREFIX}a/b.go`, data: 'package a\n', isDeflated: true }]),
    makeZip([GO_MOD, { name: `${PREFIX}a/`, data: '' }, { name: `${PREFIX}LICENSE`, data: '', mode: 0o100644 }]),
    makeZip([
      { name: `${PREFIX}x`, data: 'y'.repeat(300), isDeflated: true },
      { name: `${PREFIX}X`, data: '' },
    ]),
    makeZip([]),
  ],
  repair: repaired,
  check: async (bytes) => {
    const read = await hashed(bytes)
    if (read === undefined) return false
    const names = read.files.map(({ name }) => name)
    if (read.flaw === undefined) {
      const files = names.filter((name) => !name.endsWith('/'))
      promise(new Set(files).size === files.length, 'each file once')
      promise(
        names.every((name) => name.startsWith(PREFIX) && !name.includes('..')),
        'names below the module',
      )
    }
    // The same files in another zip: order, compression and everything else do not matter.
    if (new Set(names).size < names.length) return true
    const entries: MadeEntry[] = []
    for await (const entry of zipEntries(fileOf(bytes), 64 * 1024 + 1024)) {
      const data = await readingLater(() => entry.content(1024 * 1024), 'MODULE_ZIP_INVALID')
      if (data === undefined) return true
      entries.push({ name: entry.name, data })
    }
    const again = await hashed(makeZip(entries.reverse()))
    promise(again?.hash === read.hash, 'a hash is that of names and contents')
    return true
  },
  go: {
    ask: `zip ${MODULE}`,
    ours: async (bytes) => {
      const read = await hashed(bytes)
      return read && `${read.hash} ${read.flaw === undefined ? 'good' : 'flawed'}`
    },
    licence: (bytes, ours, go) => {
      const [isOursFlawed, isGoFlawed] = [ours, go].map((reading) => reading?.endsWith(' good') !== true)
      if (isOursFlawed && isGoFlawed) return 'zip-flawed'
      return ours === undefined && !isInOrder(Buffer.from(bytes)) ? 'zip-places' : undefined
    },
  },
}
