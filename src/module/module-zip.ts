/**
 * Module zips: the hashes of their files, read one after another, so that a zip of 500 MB needs no more memory than its
 * list of names. A zip is untrusted: names are checked against the rules, and contents against the sizes that the zip
 * declares.
 */
import { createHash, hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { fromFdPromise, type Entry, type ZipFile } from 'yauzl'
import { errorText, GossumError } from '../errors.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { hash1, type HashedFile } from './dirhash.js'
import { MAX_ZIP_BYTES, MAX_ZIP_ENTRIES, ZipNames } from './zip-rules.js'

/** Entries up to this many bytes, compressed and uncompressed, are read at once; larger ones in pieces. */
const AT_ONCE_BYTES = 4 * 1024 * 1024
/** The fixed sizes of an entry in the central directory, and of the end record, in bytes. */
const ENTRY_BYTES = 46
const END_BYTES = 22
const STORED = 0
const DEFLATED = 8

const inflate = promisify<Uint8Array, { maxOutputLength: number; chunkSize: number }, Buffer>(inflateRaw)

export interface HashedZip {
  /** `h1:` of all files. */
  readonly hash: string
  /** In the order of the zip, with their names in it. */
  readonly files: readonly HashedFile[]
  /** What the go command would refuse in this zip, whatever its hash; undefined if nothing. */
  readonly flaw: string | undefined
}

/** An entry of a zip, and its content on demand. */
export interface ZipEntry {
  readonly name: string
  /** As declared by the zip. */
  readonly size: number
  /** The mode of a Unix file; 0 for others. */
  readonly mode: number
  /** SHA-256 in hexadecimal. Throws MODULE_ZIP_INVALID if the content is not what the zip declares. */
  digest(): Promise<string>
  /** The content, if it has at most this many bytes. Throws MODULE_ZIP_INVALID. */
  content(most: number): Promise<Uint8Array>
}

/**
 * Hashes the module zip in a file; `prefix` is `path@version/`. Throws MODULE_ZIP_INVALID if it is not a zip, has too
 * much in it or does not unpack, FILE_UNREADABLE, and the signal's reason.
 */
export async function hashZip(file: string, prefix: string, signal?: AbortSignal): Promise<HashedZip> {
  const names = new ZipNames(prefix)
  const files: HashedFile[] = []
  let flaw: string | undefined
  let room = MAX_ZIP_BYTES
  for await (const entry of zipEntries(file, MAX_ZIP_BYTES)) {
    signal?.throwIfAborted()
    // A zip that breaks a rule may still be the one in the log: the hash decides. A zip bomb is always refused.
    room -= entry.size
    if (room < 0) throw invalid(`its files are larger than ${MAX_ZIP_BYTES} bytes`)
    flaw ??= flawOf(() => names.require(entry.name, entry.size))
    files.push({ name: entry.name, sha256: await entry.digest() })
  }
  return { hash: hash1(files), files, flaw }
}

function flawOf(act: () => void): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return error.detail
  }
}

/**
 * The entries of a zip file of at most this many bytes, in its order. Throws MODULE_ZIP_INVALID and FILE_UNREADABLE.
 */
export async function* zipEntries(file: string, most: number): AsyncGenerator<ZipEntry> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  })
  try {
    const { size } = await handle.stat()
    if (size > most) throw invalid(`${size} bytes, more than the limit of ${most}`)
    const zip = await readable(fromFdPromise(handle.fd, { autoClose: false, decodeStrings: false }))
    if (zip.entryCount > MAX_ZIP_ENTRIES) throw invalid(`${zip.entryCount} entries`)
    const list = await listSize(handle, size, zip)
    let listed = 0
    const entries = zip.eachEntry()[Symbol.asyncIterator]()
    for (;;) {
      const next: IteratorResult<Entry, undefined> = await readable(entries.next())
      if (next.done === true) break
      const { fileNameLength, extraFieldLength, fileCommentLength } = next.value
      listed += ENTRY_BYTES + fileNameLength + extraFieldLength + fileCommentLength
      yield entryOf(next.value, zip, handle)
    }
    if (list !== undefined && listed !== list) throw invalid('the size of its list of files does not match its entries')
  } finally {
    await handle.close()
  }
}

/**
 * The size of the central directory, which must end where the end record begins: otherwise other programs would look
 * for it elsewhere. Undefined if another record has these numbers because they are too large for this one.
 */
async function listSize(handle: FileHandle, size: number, { comment }: ZipFile): Promise<number | undefined> {
  const at = size - END_BYTES - comment.length
  const { buffer } = await handle.read(Buffer.alloc(END_BYTES), 0, END_BYTES, at)
  const [bytes, offset] = [buffer.readUInt32LE(12), buffer.readUInt32LE(16)]
  if (bytes === 0xffff_ffff || offset === 0xffff_ffff) return undefined
  if (offset + bytes !== at) throw invalid('its list of files is not where it says')
  return bytes
}

function entryOf(entry: Entry, zip: ZipFile, handle: FileHandle): ZipEntry {
  const name = fromUtf8(entry.fileNameRaw)
  if (name === undefined) throw invalid('a name that is not UTF-8')
  const read = (onPiece: (piece: Uint8Array) => void): Promise<void> =>
    name.endsWith('/') ? requireEmpty(entry, name, zip) : readEntry(entry, name, zip, handle, onPiece)
  return {
    name,
    size: entry.uncompressedSize,
    mode: entry.versionMadeBy >> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0,
    digest: async () => {
      // Nearly all come in one piece.
      const pieces: Uint8Array[] = []
      let sum: ReturnType<typeof createHash> | undefined
      await read((piece) => {
        if (entry.uncompressedSize <= AT_ONCE_BYTES) pieces.push(piece)
        else sum = (sum ?? createHash('sha256')).update(piece)
      })
      return sum?.digest('hex') ?? hash('sha256', pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    },
    content: async (most) => {
      if (entry.uncompressedSize > most) throw invalid(`${JSON.stringify(name)}: more than ${most} bytes`)
      const pieces: Uint8Array[] = []
      await read((piece) => pieces.push(piece))
      return Buffer.concat(pieces)
    },
  }
}

/** Checks a folder as Go does: it must be empty, and be where the central directory says. */
async function requireEmpty(entry: Entry, name: string, zip: ZipFile): Promise<void> {
  if (entry.uncompressedSize > 0) throw invalid(`${JSON.stringify(name)}: a folder with content`)
  await readable(zip.readLocalFileHeaderPromise(entry, { minimal: true }))
}

async function readEntry(
  entry: Entry,
  name: string,
  zip: ZipFile,
  handle: FileHandle,
  onPiece: (piece: Uint8Array) => void,
): Promise<void> {
  const { compressedSize, uncompressedSize, compressionMethod } = entry
  const bad = (why: string): GossumError => invalid(`${JSON.stringify(name)}: ${why}`)
  if (entry.isEncrypted()) throw bad('encrypted')
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) throw bad(`compression ${compressionMethod}`)
  let sum = 0
  let length = 0
  const take = (piece: Uint8Array): void => {
    length += piece.length
    if (length > uncompressedSize) throw bad('larger than it declares')
    sum = crc32(piece, sum)
    onPiece(piece)
  }
  if (Math.max(compressedSize, uncompressedSize) <= AT_ONCE_BYTES) {
    take(await atOnce(entry, zip, handle))
  } else {
    const stream = await readable(zip.openReadStreamPromise(entry))
    try {
      for await (const piece of stream) take(piece as Buffer)
    } catch (error) {
      throw error instanceof GossumError ? error : bad(errorText(error))
    } finally {
      stream.destroy()
    }
  }
  if (length !== uncompressedSize) throw bad('smaller than it declares')
  // The go command refuses it as well.
  if (sum !== entry.crc32) throw bad('its checksum is wrong')
}

async function atOnce(entry: Entry, zip: ZipFile, handle: FileHandle): Promise<Uint8Array> {
  const { compressedSize, uncompressedSize } = entry
  const { fileDataStart } = await readable(zip.readLocalFileHeaderPromise(entry, { minimal: true }))
  const packed = Buffer.allocUnsafe(compressedSize)
  const { bytesRead } = await handle.read(packed, 0, compressedSize, fileDataStart)
  if (bytesRead !== compressedSize) throw invalid('it ends too early')
  if (entry.compressionMethod === STORED) return packed
  // One byte more, to detect an entry that is too large. In a single chunk; zlib needs at least 64 bytes.
  const most = uncompressedSize + 1
  return readable(inflate(packed, { maxOutputLength: most, chunkSize: Math.max(most, 64) }))
}

/** An error of the zip library is a flaw of the zip. */
async function readable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof GossumError ? error : invalid(errorText(error))
  }
}

function invalid(detail: string): GossumError {
  return new GossumError('MODULE_ZIP_INVALID', detail)
}
