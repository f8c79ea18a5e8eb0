/**
 * A log for programs: a JSON line each on stderr. A reader that is stuck costs lines and nothing else: what it does not read waits in
 * a bounded queue, and what does not fit into that is counted and dropped.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { pino, stdTimeFunctions, type DestinationStream } from 'pino'
import { printableJson } from '../lib/printable.js'
import type { LogLevel } from '../config/settings.js'

/** Bytes that wait for the reader. */
const MAX_WAITING = 1024 * 1024
const STDERR = 2

export interface JsonLog {
  write(level: LogLevel, text: string, fields: object): void
  /** Writes what waits, as far as it is read at once. */
  end(): void
}

/** `onLost`: nobody can read what is written. */
export function openJsonLog(onLost: (error: Error) => void): JsonLog {
  const fd = ownDescriptor()
  let isEnding = false
  const destination = pino.destination({ fd, sync: false, maxLength: MAX_WAITING, retryEAGAIN: () => !isEnding })
  let dropped = 0
  destination.on('drop', () => dropped++)
  // At the end what is not read is left.
  destination.on('error', (error: Error) => {
    if (!isEnding) onLost(error)
  })
  // Text of others has been cleaned in events; what a terminal would obey is no text.
  const clean: DestinationStream = { write: (line) => void destination.write(`${printableJson(line.trimEnd())}\n`) }
  const log = pino({ base: null, level: 'debug', timestamp: stdTimeFunctions.isoTime, formatters: LABELS }, clean)
  destination.on('drain', () => {
    if (dropped === 0) return
    const lines = dropped
    dropped = 0
    log.warn({ event: 'dropped', lines }, `${lines} lines were not read in time, and dropped`)
  })
  return {
    write: (at, text, fields) => {
      log[at](fields, text)
    },
    end: () => {
      isEnding = true
      try {
        destination.flushSync()
        if (fd !== STDERR) closeSync(fd)
      } catch {
        // Nobody reads it.
      }
    },
  }
}

/** Levels by their names. */
const LABELS = { level: (label: string) => ({ level: label }) }

/** Stderr, so that a write to it does not wait: where that would change it for others, as it is. */
function ownDescriptor(): number {
  try {
    // A pipe that is opened anew has flags of its own; a socket cannot be opened, and a file never waits.
    if (!fstatSync(STDERR).isFIFO()) return STDERR
    return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
  } catch {
    return STDERR
  }
}
