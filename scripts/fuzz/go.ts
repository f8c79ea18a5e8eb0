/** Reads bytes with Go's libraries, synchronously: fuzzing does not wait for promises (scripts/peers/fuzzdiff). */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Go's reading of the bytes; undefined if it refuses them. */
export type AskGo = (what: string, bytes: Uint8Array) => string | undefined

/** Starts the program; it ends with this process. It uses named pipes, which can be read synchronously. */
export function openGo(program: string): AskGo {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  const [to, from] = [join(folder, 'to'), join(folder, 'from')]
  execFileSync('mkfifo', [to, from])
  // Opening one end of a pipe blocks until the other is open, so both are opened briefly first.
  const both = [openSync(to, 'r+'), openSync(from, 'r+')]
  const [childReads, writer, reader, childWrites] = [
    openSync(to, 'r'),
    openSync(to, 'w'),
    openSync(from, 'r'),
    openSync(from, 'w'),
  ]
  spawn(program, { stdio: [childReads, childWrites, 'inherit'] }).unref()
  // Each side keeps only its own ends, so that the program ends with our writing end, and our reading end with the
  // program.
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
