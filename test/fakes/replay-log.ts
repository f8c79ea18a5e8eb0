/**
 * A log on node:http that replays files as they were once served: heads, lookups, tiles. A partial tile that is not
 * among the files is cut from a wider copy, of which it is a prefix.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Served files by path, without a leading slash. */
export type Files = ReadonlyMap<string, Uint8Array>

/** All files below a directory, by their relative paths. */
export function readFiles(directory: string | URL): Map<string, Uint8Array> {
  const root = typeof directory === 'string' ? directory : fileURLToPath(directory)
  const files = new Map<string, Uint8Array>()
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, name)
    if (statSync(path).isFile())
      files.set(relative(root, path).split(sep).join('/'), new Uint8Array(readFileSync(path)))
  }
  return files
}

const PARTIAL = /^(tile\/.*)\.p\/(\d+)$/

export class ReplayLog {
  readonly url: string
  /** The answer to /latest; undefined for the file of that name. */
  latest: Uint8Array | undefined
  /** Answers that replace the genuine ones, by path. */
  readonly forged = new Map<string, Uint8Array>()
  /** The requested paths, in order, without the leading slash. */
  readonly requests: string[] = []
  readonly close: () => Promise<void>
  readonly #files: Files
  /** The widest copy of each tile, by its path without the width. */
  readonly #widest = new Map<string, Uint8Array>()

  private constructor(files: Files, url: string, close: () => Promise<void>) {
    this.#files = files
    this.url = url
    this.close = close
    for (const [path, data] of files) {
      const base = PARTIAL.exec(path)?.[1] ?? path
      if (data.length > (this.#widest.get(base)?.length ?? 0)) this.#widest.set(base, data)
    }
  }

  static async start(files: Files): Promise<ReplayLog> {
    const server = createServer((request, response) => {
      const path = decodeURIComponent((request.url ?? '').slice(1))
      log.requests.push(path)
      const body = log.answer(path)
      response.statusCode = body === undefined ? 404 : 200
      response.end(body ?? 'not found\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = async (): Promise<void> => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
    const log = new ReplayLog(files, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close)
    return log
  }

  /** The answer to a path; undefined is 404. */
  answer(path: string): Uint8Array | undefined {
    if (path === 'latest' && this.latest !== undefined) return this.latest
    const exact = this.forged.get(path) ?? this.#files.get(path)
    if (exact !== undefined) return exact
    const partial = PARTIAL.exec(path)
    const wider = partial && this.#widest.get(partial[1]!)
    const length = Number(partial?.[2]) * 32
    return wider && wider.length >= length ? wider.subarray(0, length) : undefined
  }
}
