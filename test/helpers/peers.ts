/** Real programs that tests use as peers: scripts/ci/peers.sh installs them. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** The path of a peer: from its environment variable, on the PATH, or in the folder of `go install`. */
export function findPeer(name: string): string | undefined {
  const named = process.env[name.toUpperCase()]
  const folders = [...(process.env.PATH ?? '').split(':'), ...goBin()]
  return [named, ...folders.map((folder) => join(folder, name))].find((file) => file !== undefined && existsSync(file))
}

function goBin(): string[] {
  try {
    const [bin, path] = execFileSync('go', ['env', 'GOBIN', 'GOPATH'], { encoding: 'utf8' }).split('\n')
    return [bin!, ...path!.split(':').map((folder) => join(folder, 'bin'))].filter((folder) => folder !== '')
  } catch {
    return []
  }
}

export interface XModLog {
  /** Verifier key. */
  readonly log: string
  readonly url: string
  readonly size: number
}

/** Starts the checksum database of golang.org/x/mod with these go.sum lines, until the test ends. */
export async function startXModLog(file: string, goSum: string): Promise<XModLog> {
  const child = spawn(file, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  child.stdin.end(goSum)
  const line = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${file} ended with ${String(code)}`)))
    createInterface({ input: child.stdout }).once('line', resolve)
  })
  return JSON.parse(line) as XModLog
}

/** A log of Tessera with its address; it runs until the test ends. */
export interface TesseraLog {
  /** Verifier key. Its name is also the origin. */
  readonly log: string
  readonly url: string
  /** Makes it publish only what this witness has cosigned. Call it before the first add. */
  witnessedBy(vkey: string, url: string): void
  /** Appends entries. Resolves to the published size that includes them. */
  add(count: number): Promise<number>
}

/** Starts a log of Tessera that keeps its files in this directory. */
export async function startTesseraLog(file: string, directory: string): Promise<TesseraLog> {
  const child = spawn(file, [directory], { stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill())
  const lines = createInterface({ input: child.stdout })
  const said = async <T>(): Promise<T> => {
    const line = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${file} ended with ${String(code)}`)))
      lines.once('line', resolve)
    })
    return JSON.parse(line) as T
  }
  const { log, url } = await said<{ log: string; url: string }>()
  return {
    log,
    url,
    witnessedBy: (vkey, at) => void child.stdin.write(`witness ${vkey} ${at}\n`),
    add: async (count) => {
      const published = said<{ size: number }>()
      child.stdin.write(`add ${count}\n`)
      return (await published).size
    },
  }
}
