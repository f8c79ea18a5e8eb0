/** Runs crash-child.ts and reads what it writes, line by line. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { bundled } from './bundle.js'
import type { ChildTask, Released } from './crash-child.js'

const SCRIPT = await bundled(new URL('crash-child.ts', import.meta.url))

export interface Child {
  /** Kills it with SIGKILL. */
  kill(): void
  /** What it has released so far. */
  readonly released: Released[]
  /** Resolves at the first line that the test accepts; rejects if the process ends before. */
  line(accept: (value: unknown) => boolean): Promise<unknown>
  /** Resolves when it has ended and its whole output was read, to the signal that ended it, or null. */
  readonly gone: Promise<NodeJS.Signals | null>
}

export function startChild(task: ChildTask): Child {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'pipe'] })
  const seen: unknown[] = []
  const released: Released[] = []
  const waiting = new Set<() => void>()
  let errors = ''
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const value = JSON.parse(line) as unknown
    seen.push(value)
    if (typeof value === 'object') released.push(value as Released)
    for (const wake of waiting) wake()
  })
  let ended = false
  const gone = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on('close', (code, signal) => {
      ended = true
      if (code !== 0 && signal === null) reject(new Error(`the child ended with ${String(code)}: ${errors}`))
      else resolve(signal)
      for (const wake of waiting) wake()
    })
  })
  gone.catch(() => undefined)
  const line = (accept: (value: unknown) => boolean): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const wake = (): void => {
        const found = seen.find(accept)
        if (found === undefined && !ended) return
        waiting.delete(wake)
        if (found === undefined) reject(new Error(`the child ended before: ${errors}`))
        else resolve(found)
      }
      waiting.add(wake)
      wake()
    })
  return { kill: () => child.kill('SIGKILL'), released, line, gone }
}
