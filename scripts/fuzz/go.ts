/** Asks Go's libraries about bytes, at once: fuzzing does not wait for promises (scripts/peers/fuzzdiff). */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What Go makes of the bytes; undefined for what it refuses. */
export type AskGo = (what: string, bytes: Uint8Array) => string | undefined

/** Starts the program; it ends with this process. Its pipes have names, so that they can be read without waiting. */
export function openGo(program: string): AskGo {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  const [to, from] = [join(folder, 'to'), join(folder, 'from')]
  execFileSync('mkfifo', [to, from])
  // To open one end of a pipe waits for the other: so both are opened first, for a moment.
  const both = [openSync(to, 'r+'), openSync(from, 'r+')]
  const [childReads, writer, reader, childWrites] = [
    openSync(to, 'r'),
    openSync(to, 'w'),
    openSync(from, 'r'),
    openSync(from, 'w'),
  ]
  spawn(program, { stdio: [childReads, childWrites, 'inherit'] }).unref()
  // Each side has its own ends alone: the program ends with what we write, and what we read with the program.
  for (const end of [...both, childReads, childWrites]) closeSync(end)
  rmSync(folder, { recursive: true })

  const read = (length: number): Buffer => {
    const out = Buffer.alloc(length)
    for (let at = 0; at < length;) {
      const count = readSync(reader, out, at, length - at, null)
      if (count === 0) throw new Error(`${program} has ended`)
      at += count
    }
    return out
  }
  return (what, bytes) => {
    const head = Buffer.alloc(5 + what.length)
    head[0] = what.length
    head.write(what, 1)
    head.writeUInt32BE(bytes.length, 1 + what.length)
    const frame = Buffer.concat([head, bytes])
    for (let at = 0; at < frame.length;) at += writeSync(writer, frame, at)
    const length = read(4).readInt32BE()
    return length < 0 ? undefined : read(length).toString()
  }
}
